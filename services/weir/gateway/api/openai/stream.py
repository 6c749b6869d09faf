"""A streamed answer as OpenAI's server-sent events.

A failure after the first piece is an `error` object in the stream, and the stream then ends without [DONE]: stock clients
raise on it. A clean end is only ever a success. Pieces that end inside a character are joined with the next one.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson

from weir.access.refusals import Refusal
from weir.gateway.api.openai import replies
from weir.gateway.core.answer import AnswerReader
from weir.gateway.core.call import Call
from weir.gateway.core.wire import Tensors

LINE_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
"""Line ends of Unicode that JSON leaves raw; readers that split text by lines would cut an event there."""

PLACE = "\0"
"""Stands for a piece's text while the event around it is made, once a stream. Nothing after it is a client's or a model's."""

DONE = b"data: [DONE]\n\n"


async def events(
    stream: PieceStream, first: bytes, pieces: AsyncGenerator[bytes], *, include_usage: bool
) -> AsyncGenerator[bytes]:
    """The events of an answer. pieces: what `stream.piece` made of each answer after the first one.

    The first is read before, so that what fails until then can still be a plain error status.
    """
    try:
        async with aclosing(pieces):
            yield stream.start() + first
            async for piece in pieces:
                if piece:
                    yield piece
    except Refusal as refusal:
        yield event(replies.error_object(refusal))
        return
    yield stream.end()
    if include_usage:
        yield event(replies.usage_chunk(stream.call, stream.answer))
    yield DONE


class PieceStream:
    """The pieces of one answer as events."""

    def __init__(self, call: Call) -> None:
        self.answer = AnswerReader()
        self.call = call
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._before, _, self._after = event(replies.piece(call, PLACE)).rpartition(orjson.dumps(PLACE))

    def start(self) -> bytes:
        """The events before the first piece."""
        return b"".join(map(event, replies.first_chunk(self.call)))

    def piece(self, tensors: Tensors) -> bytes:
        """The event of a message; none where it ends no character. Raises Refusal for what answers several prompts."""
        return self._event(self._decoder.decode(self.answer.piece(tensors)))

    def end(self) -> bytes:
        """The events of the end: a character that was never finished, and why the answer ended."""
        rest = self._event(self._decoder.decode(b"", final=True))
        return rest + event(replies.last_chunk(self.call, self.answer))

    def _event(self, text: str) -> bytes:
        return self._before + _one_line(orjson.dumps(text)) + self._after if text else b""


def event(value: dict[str, Any]) -> bytes:
    """One server-sent event, on one line for every reader."""
    return b"data: " + _one_line(orjson.dumps(value)) + b"\n\n"


def _one_line(data: bytes) -> bytes:
    if not data.isascii():
        for raw, escaped in LINE_ENDS:
            data = data.replace(raw, escaped)
    return data
