"""The auditor: runs the audit again and again, keeps the metrics, and tells the log when something is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from weir.events import OpsSignalled
from weir.lineage.audit.core.audit import Window
from weir.lineage.audit.core.watch import Signal, Watch, step
from weir.lineage.audit.reading import Audit
from weir.lineage.settings import LineageSettings
from weir.lineage.store.metrics import AUDIT_AT_S, AUDIT_FAILURES, AUDIT_IS_SETTLED, AUDIT_S, AUDITED
from weir.lineage.store.store import QueryFailed
from weir.runtime.clock import now_us
from weir.runtime.errors import Retryable
from weir.runtime.identity import new_id
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.producer import Outgoing
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import wait_or_stop

TOPIC = "ops-signals"


class Auditor:
    """One audit every `WEIR_LINEAGE_AUDIT_EVERY_S` over `WEIR_LINEAGE_AUDIT_WINDOW_S` seconds of events, up to
    `WEIR_LINEAGE_AUDIT_DELAY_S` before now.
    """

    def __init__(
        self, settings: LineageSettings, link: Link, ask: Callable[[Window], Audit], give_up: Callable[[], None]
    ) -> None:
        """ask: the audit of a window; blocking. give_up: lets a blocked one return at a stop."""
        self._settings = settings
        self._link = link
        self._ask = ask
        self._give_up = give_up
        self._watch = Watch()

    async def run(self, stop: asyncio.Event) -> None:
        """Audit until `stop` is set; an audit that fails is counted and made again."""
        while not stop.is_set():
            await wait_or_stop(stop, self._settings.audit_every_s)
            if stop.is_set():
                return
            try:
                await self._until_stopped(stop)
            except QueryFailed as error:
                AUDIT_FAILURES.inc()
                logger().warning("audit_failed", error=str(error))
            except Retryable:
                return  # only once the stop is set

    async def _until_stopped(self, stop: asyncio.Event) -> None:
        audit, stopping = asyncio.ensure_future(self.once(now_us(), stop)), asyncio.ensure_future(stop.wait())
        await asyncio.wait({audit, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not audit.done():
            self._give_up()
        await audit

    async def once(self, at_us: int, stop: asyncio.Event) -> None:
        """One audit. at_us: the time now. Raises QueryFailed; Retryable only once `stop` is set."""
        until_us = at_us - self._settings.audit_delay_s * 1_000_000
        window = Window(until_us - self._settings.audit_window_s * 1_000_000, until_us)
        with AUDIT_S.time():
            found = await asyncio.to_thread(self._ask, window)
        AUDIT_AT_S.set(at_us / 1e6)
        AUDIT_IS_SETTLED.set(found.is_settled)
        if not found.is_settled:
            return  # what seems to be missing may be on its way: no number is better than a wrong one
        for column, total in found.totals.items():
            AUDITED.labels(column).set(total)
        watch, signals = step(self._watch, found.sources)
        events = [self._event(signal, at_us) for signal in signals]
        outgoing = [Outgoing(TOPIC, f"{event.name}/{event.subject}", event) for event in events]
        await self._link.producer.deliver(outgoing, stop, TOPIC)
        self._watch = watch
        for signal in signals:
            if signal.is_raised:
                logger().error("audit_found", name=signal.name, explanation=signal.explanation)

    def _event(self, signal: Signal, at_us: int) -> OpsSignalled:
        event = OpsSignalled(
            event_id=new_id(),
            tenant="",
            event_time_us=at_us,
            name=signal.name,
            subject=self._settings.group,
            state="raised" if signal.is_raised else "cleared",
            value=float(signal.value),
            threshold=0.0,
            explanation=signal.explanation,
            labels={"window_s": str(self._settings.audit_window_s)},
        )
        return self._link.numbering.number(event)
