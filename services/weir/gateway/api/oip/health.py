"""gRPC health for probes and clients without a key: bounded, and apart from the slots of calls.

Invariant: a health watch takes no slot of a call, and no host has all watches. Not the servicer of grpcio-health-checking:
there the end of one watch makes the others deaf, and each name that a stranger asks for is kept.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from weir.access.grpc_calls import host_of, read_message, refuse
from weir.access.refusals import Refusal
from weir.access.slots import LimitReached, Slots
from weir.gateway.adapters.metrics import HEALTH_WATCHES, LIMITED
from weir.runtime.oip import SERVICE
from weir.runtime.waits import first_of

HEALTH = "grpc.health.v1.Health"
"""Name of the service."""

HEALTH_METHODS = frozenset((f"/{HEALTH}/Check", f"/{HEALTH}/Watch"))
"""Paths of its methods."""

READ_S = 1.0
"""Seconds in which the question must come: it has a few bytes, so this is many round trips."""

READ_BUSY_S = 0.05
"""The same while many wait for theirs: who sends headers alone holds nothing for long, who asks is answered.
Arbitrary; any value from 0.02 to 0.2 would do: a question follows its headers at once."""

WAITING_MAX = 64
"""Checks that wait for their question before it is busy. Chosen: more than the probes of an installation."""

QUESTION_BYTES_MAX = 1_024
"""Bytes of a question: it is the name of a service."""

KNOWN = ("", SERVICE)
"""Services that have a status: the server as a whole, and Triton's."""

UNKNOWN_WATCH_S = 30.0
"""Seconds that a watch of an unknown service is kept open, since it may be one that comes. Chosen: none does here."""


class Health:
    """What the gateway says of itself."""

    def __init__(self, watches_max: int, known: asyncio.Event) -> None:
        """watches_max: watches open at once, of all hosts. known: set once calls can be served."""
        self._known = known
        self._watches = Slots("health_watches", "health watches", watches_max)
        self._stopping = asyncio.Event()
        self._waiting = 0

    def handler(self, method: str) -> Any:
        """The handler of a method of the health service; None for another."""
        if method == "Check":
            return grpc.stream_unary_rpc_method_handler(self._check)
        if method == "Watch":
            return grpc.stream_stream_rpc_method_handler(self._watch)
        return None

    def leave(self) -> None:
        """Tell everybody that no more calls are to be sent here."""
        self._stopping.set()

    async def _check(self, _: Any, context: Any) -> bytes:
        self._waiting += 1
        try:
            within_s = READ_S if self._waiting <= WAITING_MAX else READ_BUSY_S
            name = _service_name(await read_message(context, within_s, "invalid_request"))
        except Refusal as refusal:
            await refuse(context, refusal)
        finally:
            self._waiting -= 1
        if name not in KNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service; ask for the empty name")
        return _response(self._status())

    async def _watch(self, _: Any, context: Any) -> None:
        host = host_of(context)
        try:
            self._watches.take(host, host)
        except LimitReached as reached:
            LIMITED.labels(reached.limit).inc()
            await refuse(context, reached)
        HEALTH_WATCHES.set(self._watches.held)
        try:
            await self._report_changes(_service_name(await read_message(context, READ_S, "invalid_request")), context)
        except Refusal as refusal:
            await refuse(context, refusal)
        finally:
            self._watches.give_back(host, host)
            HEALTH_WATCHES.set(self._watches.held)

    async def _report_changes(self, name: str, context: Any) -> None:
        if name not in KNOWN:
            await context.write(_response(health_pb2.HealthCheckResponse.SERVICE_UNKNOWN))
            await asyncio.sleep(UNKNOWN_WATCH_S)
            return
        await context.write(_response(self._status()))
        for changes in ((self._known, self._stopping), (self._stopping,)):
            if not any(change.is_set() for change in changes):
                await first_of(*changes)
                await context.write(_response(self._status()))

    def _status(self) -> int:
        status = health_pb2.HealthCheckResponse
        is_serving = self._known.is_set() and not self._stopping.is_set()
        return int(status.SERVING if is_serving else status.NOT_SERVING)


def _service_name(message: bytes) -> str:
    if len(message) > QUESTION_BYTES_MAX:
        text = f"the question has {len(message)} bytes; at most {QUESTION_BYTES_MAX} are taken, a service's name"
        raise Refusal("invalid_request", text)
    try:
        return str(health_pb2.HealthCheckRequest.FromString(message).service)
    except DecodeError as error:
        raise Refusal("invalid_request", "the message is no HealthCheckRequest") from error


def _response(status: int) -> bytes:
    return bytes(health_pb2.HealthCheckResponse(status=status).SerializeToString())
