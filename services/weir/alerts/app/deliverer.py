"""Deliverer: one worker for each receiver takes its deliveries from the queue and sends them until they are finished.

A receiver that is slow or down holds up nobody else. A crash after the receiver answered and before that is written
sends once more, under the same webhook-id, by which receivers deduplicate.

A time to try again that lies beyond every pause was set by a clock that was ahead; it counts as now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from weir.alerts.adapters import deliveries
from weir.alerts.adapters.database import Database
from weir.alerts.adapters.deliveries import DEAD, DELIVERED, Delivery
from weir.alerts.adapters.metrics import DELIVERIES, LATENCY, RECEIVERS_OFF, TRIES, WAITING
from weir.alerts.adapters.receivers import Receiver
from weir.alerts.adapters.webhook import WebhookSender
from weir.alerts.app.alert_spans import try_span
from weir.alerts.core.retry import Answer, Policy, Verdict, judge, pause_s
from weir.events.trace_context import read_trace
from weir.runtime.clock import now_us
from weir.runtime.identity import new_span_id
from weir.runtime.kafka.message_trace import new_trace
from weir.runtime.kafka.span_log import RecordSpan
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import first_of

LOOK_S = 1.0
"""Seconds between looks at a queue nobody announced a change of. Arbitrary: what is due later (a retry) is that late; any value
from 0.2 to the first pause of a retry would do."""


FAR_AHEAD_US = 2**63 - 1
"""Time of the look before the first: whatever was stored is then checked against the clock."""


class Deliverer:
    """The workers of all receivers."""

    def __init__(
        self,
        database: Database,
        sender: WebhookSender,
        receivers: Mapping[str, Receiver],
        policy: Policy,
        chance: Callable[[], float],
        record: RecordSpan,
    ) -> None:
        """chance: gives numbers from 0 to 1, for the jitter of pauses. record: takes the span of each try."""
        self._record_span = record
        self._database = database
        self._sender = sender
        self._receivers = receivers
        self._policy = policy
        self._chance = chance
        self._work = {name: asyncio.Event() for name in receivers}

    def announce(self) -> None:
        """Say that there may be something to deliver."""
        for event in self._work.values():
            event.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; an attempt in flight is finished."""
        RECEIVERS_OFF.set(len(deliveries.switched_off(self._database.connection)))
        await asyncio.gather(stop.wait(), *(self._serve(one, stop) for one in self._receivers.values()))

    async def _serve(self, receiver: Receiver, stop: asyncio.Event) -> None:
        work, looked_us = self._work[receiver.name], FAR_AHEAD_US
        while not stop.is_set():
            work.clear()
            looked_us = self._look(receiver, looked_us)
            WAITING.labels(receiver.name).set(deliveries.waiting_count(self._database.connection, receiver.name))
            found = deliveries.next_for(self._database.connection, receiver.name)
            wait_s = LOOK_S if found is None else (found[0].next_try_us - looked_us) / 1_000_000
            if found is None or wait_s > 0:
                await first_of(work, stop, within_s=min(wait_s, LOOK_S))
            else:
                await self._try(receiver, *found)

    def _look(self, receiver: Receiver, before_us: int) -> int:
        """The time of this look; where the clock went back since the one before, what a wrong clock set is put right."""
        at_us = now_us()
        if at_us < before_us:
            pause_max_us = round(self._policy.max_s * 1_000_000)
            deliveries.pull_forward(self._database.connection, receiver.name, at_us, pause_max_us)
        return at_us

    async def _try(self, receiver: Receiver, delivery: Delivery, body: bytes) -> None:
        trace = read_trace(delivery.traceparent, delivery.tracestate) or new_trace()
        span_id, start_us = new_span_id(), now_us()
        answer = await self._sender.send(receiver, delivery.id, body, trace.headers(span_id))
        self._record_span(try_span(trace, span_id, delivery, receiver, answer, (start_us, now_us())))
        verdict = judge(answer, delivery.waited_us / 1_000_000, self._policy)
        TRIES.labels(receiver.name, verdict.value).inc()
        LATENCY.labels(receiver.name).observe(answer.latency_ms / 1_000)
        self._write(receiver, delivery, answer, verdict)
        logger().info(
            "delivery_tried",
            receiver=receiver.name,
            delivery=delivery.id,
            attempts=delivery.attempts + 1,
            status=answer.status,
            verdict=verdict.value,
            latency_ms=round(answer.latency_ms, 1),
        )

    def _write(self, receiver: Receiver, delivery: Delivery, answer: Answer, verdict: Verdict) -> None:
        at_us, attempts = now_us(), delivery.attempts + 1
        with self._database.transaction() as connection:
            deliveries.record_attempt(connection, delivery, answer, at_us)
            if verdict is Verdict.AGAIN:
                pause = pause_s(answer, attempts, self._policy, self._chance())
                deliveries.postpone(connection, delivery, at_us, round(pause * 1_000_000), answer.error)
                return
            state = DELIVERED if verdict is Verdict.DELIVERED else DEAD
            deliveries.finish(connection, delivery.id, state, attempts, at_us, answer.error)
            if verdict is Verdict.DEAD:
                deliveries.give_up(connection, delivery.id)
            if verdict is Verdict.GONE:
                deliveries.switch_off(connection, receiver.name, at_us)
            RECEIVERS_OFF.set(len(deliveries.switched_off(connection)))
        DELIVERIES.labels(receiver.name, state).inc()
