"""Receivers that note what they are told, and an application that has one for each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weir.runtime.http2.header_blocks import HeaderList
from weir.runtime.http2.stream import Stream


class Noted:
    """A receiver. Its laws are those of every receiver: nothing after a reset, nothing after the end."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        """Each call with what it was told."""
        self.is_over = False

    def receive_headers(self, headers: HeaderList, *, is_end: bool) -> None:
        """Headers of a response, or trailers."""
        self._note("headers", headers.fields, is_end=is_end)

    def receive_data(self, data: bytes, *, is_end: bool) -> None:
        """A piece of the body."""
        self._note("data", data, is_end=is_end)

    def receive_reset(self, code: int, text: str) -> None:
        """The stream ends before its time."""
        assert not (self.calls and self.calls[-1][0] == "reset"), "told twice that the stream is over"
        self.calls.append(("reset", int(code), text))
        self.is_over = True

    def sent(self) -> None:
        """What waited is on its way."""
        self.calls.append(("sent",))

    def _note(self, name: str, what: Any, *, is_end: bool) -> None:
        assert not self.is_over, f"{name} after the end of the stream"
        self.is_over = is_end
        self.calls.append((name, what, is_end))

    @property
    def body(self) -> bytes:
        """The bytes that came."""
        return b"".join(call[1] for call in self.calls if call[0] == "data")

    @property
    def headers(self) -> list[tuple[tuple[bytes, bytes], ...]]:
        """The lists of headers that came."""
        return [call[1] for call in self.calls if call[0] == "headers"]

    @property
    def resets(self) -> list[int]:
        """Codes of the resets that were told: one at most."""
        return [call[1] for call in self.calls if call[0] == "reset"]


class Requests:
    """Takes the requests of a server's end; `answer` is called with each, once its receiver notes."""

    def __init__(self, answer: Callable[[Stream], None] | None = None) -> None:
        self.taken: list[tuple[Stream, HeaderList, Noted]] = []
        self._answer = answer

    def __call__(self, stream: Stream, headers: HeaderList) -> Noted:
        noted = Noted()
        self.taken.append((stream, headers, noted))
        if self._answer is not None:
            self._answer(stream)
        return noted

    def calls(self) -> list[tuple[int, tuple[tuple[bytes, bytes], ...], list[tuple[Any, ...]]]]:
        """Of each request its stream, its headers and what its receiver was told."""
        return [(stream.id, headers.fields, noted.calls) for stream, headers, noted in self.taken]
