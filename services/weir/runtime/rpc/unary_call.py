"""A call with one message each way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

from weir.runtime.rpc.call_headers import Metadata, Status
from weir.runtime.rpc.client_call import CANCELLED, INTERNAL, ClientCall, rpc_error
from weir.runtime.rpc.messages import BadMessage


class Answer(asyncio.Future[bytes]):
    """The answer that is waited for. Who waits and is cancelled stops the call at once, not in the next turn of the loop."""

    def __init__(self, cancelled: Callable[[], None]) -> None:
        super().__init__()
        self._on_cancel = cancelled

    def cancel(self, msg: Any = None) -> bool:
        """Nobody waits any more."""
        is_cancelled = super().cancel(msg)
        if is_cancelled:
            self._on_cancel()
        return is_cancelled


class UnaryCall(ClientCall):
    """A call with one message each way; await it for the answer."""

    def __init__(self, bytes_max: int, timeout_s: float | None) -> None:
        super().__init__(bytes_max, timeout_s)
        self._answer: bytes | None = None
        self._future = Answer(self._cancelled)

    def __await__(self) -> Generator[Any, None, bytes]:
        return self._future.__await__()

    def cancel(self) -> bool:
        """Stop the call; who awaits it is cancelled."""
        return self._future.cancel()

    async def trailing_metadata(self) -> Metadata:
        """What the trailers said beside the status; after the answer."""
        assert self.status is not None, "await the call first"
        return self.status.metadata

    def _cancelled(self) -> None:
        self._give_up(Status(CANCELLED, "Locally cancelled by application!", ()))

    def _take(self, message: bytes) -> None:
        if self._answer is not None:
            raise BadMessage(INTERNAL, "a unary call was answered by several messages")
        self._answer = self._reader.unpacked(message)

    def _ended(self, status: Status) -> None:
        if self._future.done():
            return
        if status.code:
            self._future.set_exception(rpc_error(status))
        elif self._answer is None:
            self._future.set_exception(rpc_error(Status(INTERNAL, "the answer has no message", status.metadata)))
        else:
            self._future.set_result(self._answer)
