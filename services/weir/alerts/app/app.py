"""Alerts: observes events under the rules in force, lets time pass, and writes what follows in one transaction.

Memory holds what the database holds; a batch is worked out on a draft, written together with the offsets it came from,
and only then taken into memory. So a crash at any point loses nothing and repeats nothing.

A clock that went back is noticed at the next look, and every deadline that was set by it is held to the time as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from sqlite3 import Connection
from typing import TypeVar

from weir.alerts.adapters import call_store, deliveries, restore, restore_calls, silences, state_store
from weir.alerts.adapters.database import Database
from weir.alerts.adapters.deliveries import DEAD, WAITING, Delivery
from weir.alerts.adapters.metrics import DELIVERIES, SILENCES, STANDING
from weir.alerts.adapters.queue import DeliveryQueue
from weir.alerts.adapters.state_store import Progress
from weir.alerts.app.alert_spans import alert_span
from weir.alerts.app.call_memory import CallDraft, CallMemory
from weir.alerts.app.call_watch import CallLimits, CallWatch
from weir.alerts.app.draft import Draft
from weir.alerts.app.memory import Memory
from weir.alerts.app.notifier import Notifier
from weir.alerts.app.rulebook import Rulebook
from weir.alerts.app.unknown_receivers import UnknownReceivers
from weir.alerts.app.watch import Watch
from weir.alerts.core.alert_trace import trace_notification
from weir.alerts.core.calls.reading import Reading
from weir.alerts.core.calls.sample import check_call
from weir.alerts.core.calls.series import Series
from weir.alerts.core.grouping import Notification, Timing
from weir.alerts.core.notification import alertmanager_body, webhook_body, webhook_id
from weir.alerts.core.observation import Source
from weir.alerts.core.repair import check_event
from weir.alerts.core.rule import Rule
from weir.alerts.core.silence import Silence
from weir.alerts.core.snapshot import notification_record
from weir.alerts.core.state import Alert
from weir.alerts.core.state import rederive as rederive_alert
from weir.events import EvaluationScored, InferenceCompleted, canonical_json
from weir.events.trace_context import read_trace
from weir.runtime.clock import now_us
from weir.runtime.http.server import json_bytes
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.span_log import RecordSpan
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.recent_traces import RecentTraces
from weir.runtime.telemetry.span_words import LINKS_MAX

TOPICS = ("drift-signals", "evaluation-scores", "ops-signals")
GROUP = "alerts"

CALLS_GROUP = "alerts-calls"
"""Reads the topic of calls, apart from the signals: a backlog of calls does not delay a page about drift."""

SILENCES_MAX = 1_000
"""Silences kept; beyond it the oldest that expired leave, and one more is refused while none did."""

ALERTMANAGER_HOLDS = 3
"""Repetitions that an alert outlives at a receiver of kind alertmanager when nothing more is heard."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class TooManySilences(Exception):
    """SILENCES_MAX silences hold or will."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds and addresses of the application; see the settings of the same names."""

    timing: Timing
    alerts_max: int
    notification_alerts_max: int
    waiting_max: int
    finished_max: int
    external_url: str
    generator_url: str
    calls: CallLimits


class Alerts:
    """Every alert of this instance."""

    def __init__(
        self,
        database: Database,
        rulebook: Rulebook,
        receivers: Mapping[str, str],
        limits: Limits,
        on_written: Callable[[], None],
        record: RecordSpan,
        traces_remembered_max: int,
        clock: Callable[[], int] = now_us,
    ) -> None:
        """receivers: kind of each by name, webhook or alertmanager. on_written: called after a transaction that may have
        left something to send. record: takes the spans of changes. traces_remembered_max: scores whose traces are kept.
        clock: the processing clock, microseconds since 1970 UTC."""
        self._database = database
        self._rulebook = rulebook
        self._receivers = receivers
        self._limits = limits
        self._on_written = on_written
        self._record_span = record
        self._recent = RecentTraces(traces_remembered_max)
        self._clock = clock
        self._looked_us = clock()
        self._memory = self._restore(self._looked_us)
        self._numbers = state_store.numbers(database.connection)
        queue = DeliveryQueue(database, receivers, limits.waiting_max)
        self._notifier = Notifier(limits.timing, lambda: rulebook.rules, queue)
        self._watch = Watch(rulebook, self._notifier, limits.alerts_max)
        self._calls = CallWatch(rulebook, limits.calls, self._watch.apply, self._watch.end_alert)
        self._rules_revision = -1
        self._unknown_receivers = UnknownReceivers(receivers)
        SILENCES.set_function(lambda: sum(one.state(clock()) != "expired" for one in self.silences))
        STANDING.set_function(lambda: len(self._memory.standing))

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every alert, newest first."""
        return sorted(self._memory.alerts.values(), key=lambda alert: alert.updated_us, reverse=True)

    @property
    def silences(self) -> Sequence[Silence]:
        """Every silence, the one that ends last first."""
        return sorted(self._memory.silences.values(), key=lambda one: one.ends_at_us, reverse=True)

    async def handle(self, batch: Sequence[Received]) -> None:
        """Take a batch of signals and scores into account; returns when all that follows is on disk. Raises InvalidEvent
        for one whose values no alert can carry."""
        draft, at_us = self._draft(), self._clock()
        for one in batch:
            partition = one.message.topic_partition
            before = draft.progress.get(partition) or self._memory.progress.get(partition, Progress(0, 0))
            event = one.event
            is_watched = isinstance(event, Source) or (isinstance(event, InferenceCompleted) and self._calls.is_needed)
            if not is_watched or _is_replay(one, before):
                continue
            self._observe(draft, one, at_us)
            newest_us = max(before.newest_us, event.event_time_us)
            draft.progress[partition] = Progress(one.message.offset + 1, newest_us)
        self._recent.measure()
        self._write(draft, at_us)

    def _observe(self, draft: Draft, one: Received, at_us: int) -> None:
        draft.hand, event = one, one.event
        if isinstance(event, InferenceCompleted):
            check_call(event)
            self._calls.observe(draft, event, at_us)
        elif isinstance(event, Source):
            check_event(event)
            if isinstance(event, EvaluationScored) and one.trace is not None:
                self._recent.note(event.event_id, one.trace.traceparent, one.trace.state)
            self._watch.observe(draft, one.message.topic, event, at_us)

    def readings(self) -> list[tuple[Rule, Series, Reading]]:
        """What is known of every group of calls that a rule watches."""
        return self._calls.readings(self._draft())

    def pass_time(self, at_us: int) -> None:
        """Bring the alerts under the rules in force, let pending ones fire, and tell groups whose time has come. at_us: the
        processing clock."""
        draft = self._draft()
        if at_us < self._looked_us:
            self._correct(draft, at_us)
        self._looked_us = at_us
        if self._rulebook.revision != self._rules_revision:
            self._watch.reconcile(draft, at_us)
            self._calls.reconcile(draft)
            if self._rules_revision < 0:
                self._notifier.reopen_known(draft, at_us)
            self._unknown_receivers.look(self._rulebook.rules)
            self._rules_revision = self._rulebook.revision
        for delivery_id, text in deliveries.list_lost(self._database.connection):
            lost = restore.lost_notification(self._database.connection, delivery_id, text, at_us)
            self._notifier.take_back(draft, delivery_id, lost, at_us)
        self._watch.pass_time(draft, at_us)
        self._calls.pass_time(draft, at_us)
        self._notifier.pass_time(draft, at_us)
        self._write(draft, at_us)

    def reopen(self, receiver: str, at_us: int) -> None:
        """Tell a receiver what fires, once it is switched on again."""
        draft = self._draft()
        self._notifier.reopen(draft, receiver, at_us)
        self._write(draft, at_us)

    def add_silence(self, silence: Silence, at_us: int) -> None:
        """Keep a silence that was checked. Raises TooManySilences."""
        old = sorted((one for one in self.silences if one.state(at_us) == "expired"), key=lambda one: one.ends_at_us)
        spare = len(self._memory.silences) - SILENCES_MAX + 1
        if spare > len(old):
            raise TooManySilences(f"{SILENCES_MAX} silences hold or will; expire one first")
        gone = old[: max(0, spare)]
        with self._database.transaction() as connection:
            for one in gone:
                silences.forget(connection, one.id)
            silences.put(connection, silence, at_us, "added", silence.owner)
        for one in gone:
            del self._memory.silences[one.id]
        self._keep_silence(silence, "added", silence.owner)

    def expire_silence(self, silence_id: str, author: str, at_us: int) -> Silence | None:
        """End a silence now; None when there is none of that id. One that is over stays as it is."""
        found = self._memory.silences.get(silence_id)
        if found is None or found.state(at_us) == "expired":
            return found
        ended = replace(found, ends_at_us=at_us, starts_at_us=min(found.starts_at_us, at_us), expired_by=author)
        with self._database.transaction() as connection:
            silences.put(connection, ended, at_us, "expired", author)
        self._keep_silence(ended, "expired", author)
        return ended

    def send(self, notification: Notification, at_us: int) -> str:
        """Queue a notification outside of every group, such as a test; its delivery's id."""
        with self._database.transaction() as connection:
            delivery, body = self._delivery(notification, "", at_us)
            deliveries.put(connection, delivery, body)
            deliveries.prune(connection, self._limits.finished_max)
        self._on_written()
        return delivery.id

    def _restore(self, at_us: int) -> Memory:
        with self._database.transaction() as connection:
            restore.restore_outbox(connection, at_us)
            series = restore_calls.restore_series(connection, at_us)
            calls = CallMemory(
                series,
                restore_calls.restore_panes(connection, series, at_us),
                restore_calls.restore_ids(connection),
                restore_calls.restore_clock(connection, at_us),
            )
            return Memory(
                alerts=restore.restore_alerts(connection, at_us),
                groups=restore.restore_groups(connection, at_us, self._limits.timing),
                standing=restore.restore_standing(connection, at_us),
                progress=restore.restore_progress(connection, at_us),
                silences=restore.restore_silences(connection, at_us),
                calls=calls,
            )

    def _draft(self) -> Draft:
        return Draft(self._memory, self._numbers)

    def _correct(self, draft: Draft, at_us: int) -> None:
        logger().warning("clock_went_back", seconds=round((self._looked_us - at_us) / 1_000_000, 3))
        for key, alert in self._memory.alerts.items():
            after = rederive_alert(alert, at_us)
            if after != alert:
                draft.alerts[key] = after
        self._notifier.correct(draft, at_us)

    def _keep_silence(self, silence: Silence, action: str, author: str) -> None:
        self._memory.silences[silence.id] = silence
        logger().info("silence_changed", silence=silence.id, action=action, author=author)

    def _write(self, draft: Draft, at_us: int) -> None:
        if draft.is_empty:
            draft.calls.keep_time()
            return
        with self._database.transaction() as connection:
            state_store.save_alerts(connection, draft.alerts)
            state_store.save_groups(connection, draft.groups)
            state_store.save_standing(connection, draft.standing)
            state_store.save_progress(connection, draft.progress)
            self._save_calls(connection, draft.calls)
            state_store.put_events(
                connection, draft.changes, {step.event.event_id: step.parent for step in draft.steps}
            )
            for notification, refusal in draft.notifications:
                said = canonical_json(notification_record(notification))
                deliveries.put(connection, *self._delivery(notification, refusal, at_us), said)
            for delivery_id in draft.taken_back:
                deliveries.mark_taken_back(connection, delivery_id)
            if draft.notifications:
                deliveries.prune(connection, self._limits.finished_max)
        self._numbers = replace(self._numbers, next_seq=self._numbers.next_seq + len(draft.changes))
        _merge(self._memory.alerts, draft.alerts)
        _merge(self._memory.groups, draft.groups)
        _merge(self._memory.standing, {series: channels or None for series, channels in draft.standing.items()})
        self._memory.progress.update(draft.progress)
        draft.calls.keep(self._limits.calls.ids_max)
        self._record(draft, at_us)
        if draft.changes or draft.notifications:
            self._on_written()

    def _save_calls(self, connection: Connection, calls: CallDraft) -> None:
        if not calls.is_empty:
            call_store.save_series(connection, calls.series)
            call_store.save_panes(connection, calls.panes)
            call_store.save_ids(connection, calls.ids, self._limits.calls.ids_max)
            call_store.save_mark(connection, calls.clock.mark_us)

    def _record(self, draft: Draft, at_us: int) -> None:
        """Record a span for each change of phase that is on disk now."""
        for step in draft.steps:
            # The newest samples say most, and the last one of them is the cause itself.
            samples = [self._recent.of(one.event_id) for one in reversed(step.alert.window)]
            samples += [read_trace(one, "") for one in step.alert.links]
            links = [link for link in samples if link is not None and link != step.parent]
            self._record_span(alert_span(step, at_us, self._clock(), links))

    def _delivery(self, notification: Notification, refusal: str, at_us: int) -> tuple[Delivery, bytes]:
        if refusal:
            DELIVERIES.labels(notification.receiver, DEAD).inc()
            logger().error("delivery_dead", receiver=notification.receiver, reason=refusal)
        under = trace_notification(notification)
        delivery = Delivery(
            id=webhook_id(notification),
            receiver=notification.receiver,
            group_key=notification.key,
            status=notification.status,
            state=DEAD if refusal else WAITING,
            attempts=0,
            waited_us=0,
            next_try_us=at_us,
            created_us=at_us,
            finished_us=at_us if refusal else 0,
            error=refusal,
            traceparent=under.trace.traceparent if under else "",
            tracestate=under.trace.state if under else "",
            links=" ".join(link.traceparent for link in under.links[:LINKS_MAX]) if under else "",
            alertnames=", ".join(sorted({alert.rule for alert in notification.alerts})),
        )
        return delivery, json_bytes(self._body(notification))

    def _body(self, notification: Notification) -> object:
        limits = self._limits
        if self._receivers.get(notification.receiver) == "alertmanager":
            longest_us = notification.longest_us
            holds_us = ALERTMANAGER_HOLDS * (limits.timing.longest_us if longest_us is None else longest_us)
            return alertmanager_body(notification, generator_url=limits.generator_url, holds_us=holds_us)
        return webhook_body(
            notification,
            external_url=limits.external_url,
            generator_url=limits.generator_url,
            alerts_max=limits.notification_alerts_max,
        )


def _is_replay(one: Received, before: Progress) -> bool:
    """Whether a message was handled already. The time tells a replay from a topic that was made anew."""
    return one.message.offset < before.next_offset and one.event.event_time_us <= before.newest_us


def _merge(into: dict[Key, Value], changes: Mapping[Key, Value | None]) -> None:
    for key, value in changes.items():
        if value is None:
            into.pop(key, None)
        else:
            into[key] = value
