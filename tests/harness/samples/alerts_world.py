"""Alerts without Kafka and without a network: rules, signals, time and restarts go in, deliveries come out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.samples.builders import NOON_US, envelope, one_of_each
from weir.alerts.adapters import deliveries, state_store
from weir.alerts.adapters.database import Database
from weir.alerts.adapters.deliveries import DEAD, DELIVERED, Delivery
from weir.alerts.app.app import Alerts, Limits
from weir.alerts.app.call_watch import CallLimits
from weir.alerts.app.rulebook import Rulebook
from weir.alerts.core.grouping import Timing
from weir.alerts.core.retry import Answer
from weir.alerts.core.state import Alert, Phase
from weir.events import (
    DriftSignalled,
    EvaluationScored,
    Event,
    InferenceCompleted,
    OpsSignalled,
    RegistryChanged,
    digest_of,
    encode_body,
    named_id,
)
from weir.events.log import RawMessage
from weir.events.trace_context import TraceContext
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.span_log import Recorded

SECOND_US = 1_000_000
TIMING = Timing(group_wait_us=SECOND_US, group_interval_us=2 * SECOND_US, repeat_interval_us=60 * SECOND_US)
TOPIC_OF = {
    DriftSignalled: "drift-signals",
    EvaluationScored: "evaluation-scores",
    InferenceCompleted: "inference-responses",
    OpsSignalled: "ops-signals",
}
PLAIN: Mapping[type, Event] = {type(event): event for event in one_of_each()}

CALLS: dict[str, Any] = {
    "source": "inference-responses",
    "match": {},
    "calls": {
        "measure": "latency_p95_ms", "op": ">", "value": 500, "window_s": 60, "calls_min": 20, "by": ["tenant", "route"],
    },
    "annotations": {"summary": "{measure} of {route} is {value}"},
}  # fmt: skip
"""A rule over the latency of calls, as changes of RULE."""

RULE: dict[str, Any] = {
    "source": "drift-signals",
    "match": {},
    "severity": "page",
    "group_by": ["route"],
    "annotations": {"summary": "{part} {verdict}"},
    "receivers": ["demo"],
}

CONDITION = {"field": "score", "aggregate": "mean", "op": "<", "value": 0.5, "window_events": 4, "events_min": 2}
SCORES: dict[str, Any] = {"source": "evaluation-scores", "match": {"evaluator": "e"}, "condition": CONDITION}
"""A rule over the mean of scores."""

QUALITY = {"detector": "quality", "part": "judge", "route": "docs-qa", "level": "page", "verdict": ""}
"""Fields of a drift signal of a quality stream."""


def new_request(number: int) -> str:
    """Id of a request; a later one is larger, as a UUIDv7 is."""
    return named_id(NOON_US + number * 1_000, "call")


@dataclass
class World:
    """One instance of alerts, its clock, and what its receivers got."""

    file: Path
    receivers: Mapping[str, str] = field(default_factory=lambda: {"demo": "webhook"})
    timing: Timing = TIMING
    calls: CallLimits = CallLimits(series_max=20, ids_max=10_000, unknown_us=3_600 * SECOND_US)
    now_us: int = NOON_US
    step_us: int = SECOND_US // 2
    """Steps in which time passes, microseconds."""
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    spans: list[Recorded] = field(default_factory=list)
    offsets: int = 0
    revision: int = 0

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.database = Database(self.file)
        self.database.connection.execute("PRAGMA synchronous=OFF")  # nothing pulls a plug here
        with self.database.transaction() as connection:
            state_store.set_up(connection, "alerts/test", NOON_US)
        self.rulebook = Rulebook("prod")
        for name, spec in self.specs.items():
            self._apply(name, spec)
        limits = Limits(
            self.timing, 1_000, 100, 1_000, 10_000, "http://alerts", "http://registry/", self.calls,
        )  # fmt: skip
        self.alerts = Alerts(
            self.database,
            self.rulebook,
            self.receivers,
            limits,
            lambda: None,
            self.spans.append,
            1_000,
            clock=lambda: self.now_us,
        )

    def restart(self) -> None:
        """A new process on the same file."""
        self.database.close()
        self._begin()

    def rule(self, name: str, **changes: Any) -> None:
        """Put a version of a rule in force."""
        self.specs[name] = {**RULE, **changes}
        self._apply(name, self.specs[name])

    def no_rule(self, name: str) -> None:
        """Take a rule away, as a registry without it would, which is seen at the next start."""
        del self.specs[name]
        self.restart()

    def _apply(self, name: str, spec: dict[str, Any]) -> None:
        self.revision += 1
        self.rulebook.apply(
            RegistryChanged(
                **envelope("registry", self.revision), revision=self.revision, change="alias_moved", kind="rule", name=name,
                version=str(self.revision), digest=digest_of(spec), alias="prod", body_json=json.dumps(spec), author="me",
            )
        )  # fmt: skip

    def say(self, kind: type[Event], **fields: Any) -> None:
        """One event, now unless it says when, handled. Beside its fields, `trace`: what its message carries."""
        asyncio.run(self.handle(kind, **fields))

    async def handle(self, kind: type[Event], **fields: Any) -> None:
        """The same inside a running loop."""
        trace: TraceContext | None = fields.pop("trace", None)
        self.offsets += 1
        plain = {**PLAIN[kind].as_record(), "event_id": named_id(NOON_US, f"event {self.offsets}"), "seq": self.offsets}
        event = kind.from_record({**plain, "event_time_us": self.now_us, **fields})
        message = RawMessage(TOPIC_OF[kind], 0, self.offsets, None, encode_body(event), NOON_US)
        await self.alerts.handle([Received(message, event, trace)])

    def drift(self, state: str, **fields: Any) -> None:
        """A drift signal of a quality stream."""
        self.say(DriftSignalled, **{**QUALITY, "state": state, **fields})

    def score(self, value: float, **fields: Any) -> None:
        """A score of an evaluator."""
        self.say(
            EvaluationScored, **{"evaluator": "e", "score": value, "passed": value >= 0.5, "anchor_id": "", **fields}
        )

    def call(self, latency_ms: float = 100.0, **fields: Any) -> None:
        """An ended call, now unless `event_time_us` says when."""
        self.say(InferenceCompleted, **{"latency_ms": latency_ms, "request_id": new_request(self.offsets), **fields})

    def wait(self, seconds: float, *, deliver: bool = True) -> None:
        """Let time pass, in small steps."""
        end_us = self.now_us + round(seconds * SECOND_US)
        while True:
            self.alerts.pass_time(self.now_us)
            if deliver:
                self.deliver()
            if self.now_us >= end_us:
                return
            self.now_us = min(end_us, self.now_us + self.step_us)

    def deliver(self, *, is_dead: bool = False) -> None:
        """Let every waiting delivery arrive, or be given up."""
        for receiver in self.receivers:
            while (found := deliveries.next_for(self.database.connection, receiver)) is not None:
                one, body = found
                if not is_dead:
                    self.bodies.append(json.loads(body))
                self._finish(one, DEAD if is_dead else DELIVERED)

    def _finish(self, one: Delivery, state: str) -> None:
        with self.database.transaction() as connection:
            deliveries.record_attempt(connection, one, Answer(404), self.now_us)
            deliveries.finish(connection, one.id, state, 1, self.now_us, "")
            if state == DEAD:
                deliveries.give_up(connection, one.id)

    def open(self) -> list[Alert]:
        """Alerts that are pending or firing."""
        return [one for one in self.alerts.alerts if one.phase in (Phase.PENDING, Phase.FIRING)]

    @property
    def notified(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What receivers got: of each notification its status and, by fingerprint's alertname, each alert's."""
        return [
            (body["status"], [(one["status"], one["labels"]["alertname"]) for one in body["alerts"]])
            for body in self.bodies
        ]

    @property
    def statuses(self) -> list[str]:
        """Statuses of all notifications, in order."""
        return [body["status"] for body in self.bodies]

    def believed(self) -> set[str]:
        """Fingerprints that a receiver of all notifications takes for firing."""
        firing: set[str] = set()
        for body in self.bodies:
            for one in body["alerts"]:
                (firing.add if one["status"] == "firing" else firing.discard)(one["fingerprint"])
        return firing
