"""A call with one message each way."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from weir.runtime.rpc.call_headers import Metadata, Status
from weir.runtime.rpc.client_call import CANCELLED, INTERNAL, ClientCall, rpc_error
from weir.runtime.rpc.messages import BadMessage


class UnaryCall(ClientCall):
    """A call with one message each way; await it for the answer."""

    def __init__(self, bytes_max: int, timeout_s: float | None) -> None:
        super().__init__(bytes_max, timeout_s)
        self._answer: bytes | None = None
        self._future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._future.add_done_callback(self._done)

    def __await__(self) -> Generator[Any, None, bytes]:
        return self._future.__await__()

    def cancel(self) -> bool:
        """Stop the call; who awaits it is cancelled."""
        return self._future.cancel()

    async def trailing_metadata(self) -> Metadata:
        """What the trailers said beside the status; after the answer."""
        assert self.status is not None, "await the call first"
        return self.status.metadata

    def _done(self, future: asyncio.Future[bytes]) -> None:
        if future.cancelled():
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
