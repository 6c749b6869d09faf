"""Span log: spans of a service's own work on their way to the topic `spans`, and to a collector where one is named.

Recording never waits and never fails: a bounded queue in memory, of which the newest is dropped and counted when it is
full. Spans are no accounts: what waits when a process is killed is lost, and a message that is handled again gives its
spans again, under the same span ids. Only spans of sampled traces are recorded; the record of a call itself is the
gateway's and is always made.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from weir.events import Span, SpansRecorded, named_id
from weir.events.trace_context import TraceContext
from weir.runtime import otlp
from weir.runtime.delivery import deliver
from weir.runtime.errors import Retryable
from weir.runtime.identity import Numbering
from weir.runtime.link import Link
from weir.runtime.producer import Outgoing, wait_or_stop
from weir.runtime.telemetry import logger

TOPIC = "spans"

GROUP = "span-log"
"""In whose name tries of sending are counted."""

EVERY_S = 0.25
"""Seconds between two sends. Small against the 2 s within which a trace must be queryable."""

BATCH_SPANS = 500
"""Spans sent at once; as many messages as a consumer hands on at once."""

SPANS = Counter("weir_spans_total", "Spans of the service's own work, by what became of them.", ["result"])
"""`dropped` rises: the broker is away, or spans come faster than it takes them; WEIR_SPANS_WAITING_MAX is the queue."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A span, the context that it was made under, and the call or stream that it is about."""

    trace: TraceContext
    span: Span
    tenant: str
    route: str = ""
    request_id: str = ""


Record = Callable[[Recorded], None]
"""Takes a span; never waits, never raises."""


class SpanLog:
    """The spans of one service."""

    def __init__(self, link: Link, waiting_max: int) -> None:
        """link: whose producer is started by its owner. waiting_max: spans that wait to be sent."""
        self._link = link
        self._waiting_max = waiting_max
        self._numbering = Numbering(f"{link.numbering.source}/spans")
        self._waiting: deque[Recorded] = deque()

    def record(self, recorded: Recorded) -> None:
        """Take a span of a sampled trace; any other is passed over."""
        if not recorded.trace.is_sampled:
            return
        otlp.export([recorded.span], recorded.trace)
        if len(self._waiting) >= self._waiting_max:
            SPANS.labels("dropped").inc()
        else:
            self._waiting.append(recorded)

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, and once more then."""
        while not stop.is_set():
            await wait_or_stop(stop, EVERY_S)
            while self._waiting:
                if not await self._sent(stop):
                    return

    async def _sent(self, stop: asyncio.Event) -> bool:
        """Send a batch. False once the service stops and the broker does not take it."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH_SPANS, len(self._waiting)))]
        # Numbered here, and under one key: what was dropped before has no number, and of one partition's messages a kill
        # loses the last ones, never one between two others. So no kill leaves a hole that the audit would take for a loss.
        events = [Outgoing(TOPIC, self._numbering.source, self._event(one), _under(one)) for one in batch]
        try:
            await deliver(self._link.producer, events, stop, GROUP)
        except Retryable as error:
            SPANS.labels("dropped").inc(len(batch) + len(self._waiting))
            logger().warning("spans_lost", spans=len(batch) + len(self._waiting), error=str(error))
            return False
        SPANS.labels("sent").inc(len(batch))
        return True

    def _event(self, one: Recorded) -> SpansRecorded:
        span = one.span
        event_id = named_id(span.end_time_us, f"span {one.trace.trace_id} {span.span_id}")
        head = self._numbering.head(event_id, span.end_time_us)
        head |= {
            "tenant": one.tenant,
            "trace_id": one.trace.trace_id,
            "span_id": span.span_id,
            "parent_span_id": span.parent_span_id,
        }
        return SpansRecorded(**head, request_id=one.request_id, route=one.route, spans=(span,))


def _under(one: Recorded) -> TraceContext:
    return one.trace.below(one.span.span_id)
