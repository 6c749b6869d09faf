"""Reading, answering and refusing on the gRPC listener, the same for every method.

Handlers take their message themselves, so that a caller is known and limited before a byte of it is read: with gRPC's
unary handlers the message comes first, and a call that never sends one waits for ever. They write their answer themselves
too, so that what a client does not read stays in flight: gRPC would take it after the handler, outside every limit.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio

from weir.gateway.adapters.metrics import SLOW_CLIENTS
from weir.gateway.calls.call_start import join_headers
from weir.gateway.core.errors import Refusal
from weir.runtime.rpc.messages import RESOURCE_EXHAUSTED, BadMessage
from weir.runtime.telemetry.logs import logger

LOOPBACK = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:")
"""How gRPC names a peer on this machine."""


async def read_message(context: Any, within_s: float, too_large: str = "payload_too_large") -> bytes:
    """The one message of a unary call. Raises Refusal when it does not come in time, or not at all, or is too large.

    too_large: the type of that error.
    """
    try:
        if getattr(context, "has_message", False):  # of our own library: no clock is needed for what is there
            message = await context.read()
        else:
            async with asyncio.timeout(within_s):
                message = await context.read()
    except BadMessage as bad:
        raise Refusal(too_large if bad.code == RESOURCE_EXHAUSTED else "invalid_request", bad.text) from bad
    except TimeoutError as error:
        raise Refusal("request_timeout", f"the call's message did not come within {within_s:g} s") from error
    if message is grpc.aio.EOF:
        raise Refusal("invalid_request", "the call ended without a message; send one")
    return bytes(message)


async def answer(context: Any, message: bytes, write_timeout_s: float) -> None:
    """Write the one message of a unary answer; back when gRPC passed it on, or the client is gone (also CancelledError).

    A client that does not read within the deadline is counted and logged, and waited for: gRPC for Python cannot let go of
    one call, and keeps its message until the client reads or leaves. So long the caller of this holds its slot.
    """
    noting = asyncio.get_running_loop().call_later(write_timeout_s, _note_slow, write_timeout_s)
    try:
        await context.write(message)
    except grpc.aio.InternalError:
        return  # the call is over: nobody waits for the answer
    finally:
        noting.cancel()


def _note_slow(write_timeout_s: float) -> None:
    SLOW_CLIENTS.inc()
    logger().warning("slow_client_held", seconds=write_timeout_s, effect="keeps its slot until it reads or leaves")


async def refuse(context: Any, refusal: Refusal) -> None:
    """End the call with the refusal's status, and when to try again. Always raises gRPC's own end of a handler."""
    after = refusal.retry_after_s
    trailing = () if after is None else (("retry-after-ms", str(math.ceil(after * 1_000))),)
    await context.abort(code_of(refusal.status_code), refusal.message, trailing)


def code_of(number: int) -> grpc.StatusCode:
    """The gRPC status of a code number, 0 to 16."""
    return next(code for code in grpc.StatusCode if code.value[0] == number)


def headers_of(context: Any) -> Mapping[str, str]:
    """Metadata of a call that is text."""
    return join_headers((key, value) for key, value in context.invocation_metadata() or () if isinstance(value, str))


def host_of(context: Any) -> str:
    """The peer's address without its port."""
    return str(context.peer()).rpartition(":")[0]


def is_loopback(context: Any) -> bool:
    """Whether the peer is on this machine."""
    return bool(context.peer().startswith(LOOPBACK))
