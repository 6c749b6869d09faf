"""Answering on the gRPC listener, the same for every method.

Handlers write their answer themselves, so that what a client does not read stays in flight: gRPC would take it after the
handler, outside every limit.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio

from weir.gateway.adapters.metrics import SLOW_CLIENTS
from weir.runtime.telemetry.logs import logger


async def answer(context: Any, message: bytes, write_timeout_s: float) -> None:
    """Write the one message of a unary answer; back when gRPC passed it on, or the client is gone (also CancelledError).

    A client that does not read within the deadline is counted and logged, and waited for. So long the caller of this holds its
    slot. grpc.aio (WEIR_RPC=reference) cannot cut one call: it keeps the message until the client reads or leaves. Our own
    library could; both behave alike.
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
