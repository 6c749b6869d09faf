"""Span log: spans of a service's own work on their way to the topic `spans`, and to a collector where one is named.

Recording never waits and never fails: a bounded queue in memory, of which the newest is dropped and counted when it is
full. A stop sends what the last message recorded, then closes the producer; each span is `sent` or `dropped`. Spans are no
accounts: what waits when a process is killed is lost, and a message that is handled again gives its spans again, under the
same span ids. Only spans of sampled traces are recorded; the record of a call itself is the gateway's and is always made.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice

from prometheus_client import Counter

from weir.events import Span, SpansRecorded, named_id
from weir.events.trace_context import TraceContext
from weir.runtime.errors import Retryable
from weir.runtime.identity import Numbering
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.producer import Outgoing
from weir.runtime.telemetry import otlp
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import wait_or_stop

TOPIC = "spans"

GROUP = "span-log"
"""In whose name tries of sending are counted."""

EVERY_S = 0.25
"""Seconds between two sends. Small against the 2 s within which a trace must be queryable."""

FLUSH_S = 2.0
"""Seconds that a stop waits for the last send. Below the supervisor's 20 s with every other part of a stop."""

BATCH_SPANS = 500
"""Spans sent at once; as many messages as a consumer hands on at once."""

SPANS = Counter("weir_spans_total", "Spans of the service's own work, by what became of them.", ["result"])
"""`dropped` rises: the broker is away (at a stop too), or spans come faster than it takes them; WEIR_SPANS_WAITING_MAX is the
queue. What was dropped at a stop may have been written, where only the acknowledgement was late."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A span, the context that it was made under, and the call or stream that it is about."""

    trace: TraceContext
    span: Span
    tenant: str
    route: str = ""
    request_id: str = ""


RecordSpan = Callable[[Recorded], None]
"""Takes a span; never waits, never raises."""


class SpanLog:
    """The spans of one service."""

    def __init__(self, link: Link, waiting_max: int) -> None:
        """link: whose producer is started by its owner. waiting_max: spans that are not sent yet."""
        self._link = link
        self._waiting_max = waiting_max
        self._numbering = Numbering(f"{link.numbering.source}/spans")
        self._waiting: deque[Recorded] = deque()
        self._has_ended = False

    def record(self, recorded: Recorded) -> None:
        """Take a span of a sampled trace; any other is passed over."""
        if not recorded.trace.is_sampled:
            return
        otlp.export([recorded.span], recorded.trace)
        if self._has_ended or len(self._waiting) >= self._waiting_max:
            SPANS.labels("dropped").inc()
        else:
            self._waiting.append(recorded)

    @asynccontextmanager
    async def sending(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Send while the block runs, and once it has ended what is left; the block holds all that records.

        A sender that fails sets `stop`, and its error is raised at the end.
        """
        ended = asyncio.Event()
        sender = asyncio.create_task(self._run(ended))
        sender.add_done_callback(lambda _: stop.set())
        try:
            yield
        finally:
            ended.set()
            await self._end(sender)

    async def _run(self, ended: asyncio.Event) -> None:
        is_last = False
        while not is_last:
            await wait_or_stop(ended, EVERY_S)
            is_last = ended.is_set()
            try:
                while self._waiting:
                    await self._send(ended)
            except Retryable as error:  # only once `ended` is set
                logger().warning("spans_not_taken", error=str(error))
                return

    async def _send(self, ended: asyncio.Event) -> None:
        """Send a batch. Raises Retryable once `ended` is set and the broker does not take it."""
        batch = list(islice(self._waiting, BATCH_SPANS))
        # Numbered here, and under one key: what was dropped before has no number, and of one partition's messages a kill
        # loses the last ones, never one between two others. So no kill leaves a hole that the audit would take for a loss.
        events = [Outgoing(TOPIC, self._numbering.source, self._event(one), _under(one)) for one in batch]
        await self._link.producer.deliver(events, ended, GROUP)
        for _ in batch:
            self._waiting.popleft()
        SPANS.labels("sent").inc(len(batch))

    async def _end(self, sender: asyncio.Task[None]) -> None:
        """Wait for the last send, then count as dropped what is left. Raises what the sender raised."""
        done, _ = await asyncio.wait({sender}, timeout=FLUSH_S)
        if not done:
            sender.cancel()
            await asyncio.wait({sender})
        self._has_ended = True
        if self._waiting:
            SPANS.labels("dropped").inc(len(self._waiting))
            logger().warning("spans_lost", spans=len(self._waiting))
            self._waiting.clear()
        if done:
            sender.result()

    def _event(self, one: Recorded) -> SpansRecorded:
        span = one.span
        event_id = named_id(span.end_time_us, f"span {one.trace.trace_id} {span.span_id}")
        event = SpansRecorded(
            event_id=event_id,
            tenant=one.tenant,
            trace_id=one.trace.trace_id,
            span_id=span.span_id,
            parent_span_id=span.parent_span_id,
            event_time_us=span.end_time_us,
            request_id=one.request_id,
            route=one.route,
            spans=(span,),
        )
        return self._numbering.number(event)


def _under(one: Recorded) -> TraceContext:
    return one.trace.below(one.span.span_id)


async def with_spans(link: Link, spans: SpanLog, work: Awaitable[None], stop: asyncio.Event) -> None:
    """Await `work`, which records and may go on after `stop` is set; then send the spans that are left, then close the link."""
    try:
        async with spans.sending(stop):
            await work
    finally:
        await link.close()
