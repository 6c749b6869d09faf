"""One forwarded call: its time limit, its trace, and what is passed on of its metadata."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from weir.events.trace_context import TraceContext
from weir.runtime.clock import now_us
from weir.runtime.identity import new_span_id
from weir.runtime.kafka.message_trace import read_or_new
from weir.runtime.oip import SERVER_TIMING

Metadata = tuple[tuple[str, str | bytes], ...]

MS_PER_S = 1_000

NOT_FORWARDED = frozenset(
    {"authorization", "cookie", "traceparent", "tracestate", "user-agent", "te", "content-type", "host", "connection"}
)
"""Metadata that stays here: credentials never reach the model server, the rest belongs to this hop."""


@dataclass(slots=True)
class CallContext:
    """What is known of one call while it is forwarded; times in microseconds since 1970-01-01 UTC."""

    method: str
    trace: TraceContext
    span_id: str
    triton_span_id: str
    start_us: int
    timeout_s: float
    """Time the call has left when it goes upstream, seconds."""
    is_default_timeout: bool
    """True when the client set no deadline."""
    metadata: Metadata
    """Metadata for Triton: the client's, without NOT_FORWARDED, with our own `traceparent` and the caller's `tracestate`."""
    triton_start_us: int

    def trailer(self, end_us: int) -> tuple[str, str]:
        """The server timing of this call, which ended at `end_us`: a JSON list of two spans, this service's, and below it
        the call to Triton. So the gateway records one trace.

        Written by hand because it is on the path of every call; every part is hex, a method name or a number.
        """
        return SERVER_TIMING, (
            f'[{{"name":"inference","span_id":"{self.span_id}","parent_span_id":"{self.trace.parent_span_id}",'
            f'"kind":"server","service":"inference","start_us":{self.start_us},"end_us":{end_us}}},'
            f'{{"name":"triton {self.method}","span_id":"{self.triton_span_id}","parent_span_id":"{self.span_id}",'
            f'"kind":"client","service":"inference","start_us":{self.triton_start_us},"end_us":{end_us}}}]'
        )


def begin(method: str, context: Any, default_deadline_ms: int) -> CallContext:
    """The context of a call that just arrived. context: its grpc.aio.ServicerContext."""
    start_us = now_us()
    received: Metadata = context.invocation_metadata()
    trace = read_or_new("inference", _joined(received, "traceparent"), _joined(received, "tracestate"))
    triton_span_id = new_span_id()
    remaining_s = context.time_remaining()
    return CallContext(
        method=method,
        trace=trace,
        span_id=new_span_id(),
        triton_span_id=triton_span_id,
        start_us=start_us,
        timeout_s=default_deadline_ms / MS_PER_S if remaining_s is None else remaining_s,
        is_default_timeout=remaining_s is None,
        metadata=(*forwarded(received), *trace.headers(triton_span_id)),
        triton_start_us=now_us(),
    )


def forwarded(metadata: Iterable[tuple[str, str | bytes]]) -> Metadata:
    """The part of a call's metadata that goes on to the next hop."""
    return tuple([(key, value) for key, value in metadata if key not in NOT_FORWARDED and not key.startswith("grpc-")])


def _joined(metadata: Metadata, name: str) -> str:
    return ",".join([value for key, value in metadata if key == name and isinstance(value, str)])
