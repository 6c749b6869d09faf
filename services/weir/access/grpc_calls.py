"""Reading, refusing and naming the caller of a gRPC call, the same for every method of every listener that strangers reach.

Handlers take their message themselves, so that a caller is known and limited before a byte of it is read: with gRPC's
unary handlers the message comes first, and a call that never sends one waits for ever.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio

from weir.access.refusals import Refusal
from weir.runtime.rpc.messages import RESOURCE_EXHAUSTED, BadMessage

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


async def refuse(context: Any, refusal: Refusal) -> NoReturn:
    """End the call with the refusal's status, and when to try again. Always raises gRPC's own end of a handler."""
    after = refusal.retry_after_s
    trailing = () if after is None else (("retry-after-ms", str(math.ceil(after * 1_000))),)
    await context.abort(code_of(refusal.status_code), refusal.message, trailing)
    raise AssertionError("abort raises")


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


def join_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by name; those that were sent several times are one, joined by commas, so that none hides another."""
    found: dict[str, str] = {}
    for name, value in headers:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found
