"""The application: signals become alerts and notifications, and a replay of them changes nothing, not even an id."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.samples.builders import DIGEST, NOON_US, envelope, one_of_each
from weir.alerts.adapters import state_store
from weir.alerts.adapters.database import Database
from weir.alerts.app.app import Alerts, Limits
from weir.alerts.app.call_watch import CallLimits
from weir.alerts.app.rulebook import Rulebook
from weir.alerts.core.grouping import Timing
from weir.events import AlertChanged, Event, OpsSignalled, OpsState, RegistryChanged, encode_body, named_id
from weir.events.log import RawMessage
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.span_log import Recorded

TOPIC = "ops-signals"
SPEC: dict[str, Any] = {
    "source": TOPIC,
    "match": {"name": ["audit_missing", "audit_corrupt"]},
    "severity": "page",
    "group_by": ["name", "subject"],
    "annotations": {"summary": "{name} in the store of {subject}: {value}", "details": "{explanation}"},
    "receivers": ["demo"],
}
LIMITS = Limits(
    timing=Timing(group_wait_us=0, group_interval_us=0, repeat_interval_us=3_600_000_000),
    alerts_max=100,
    notification_alerts_max=10,
    waiting_max=10,
    finished_max=10,
    external_url="http://alerts",
    generator_url="http://registry/",
    calls=CallLimits(series_max=20, ids_max=1_000, unknown_us=3_600_000_000),
)


def signal(number: int, state: OpsState, **fields: Any) -> OpsSignalled:
    (plain,) = [event for event in one_of_each() if isinstance(event, OpsSignalled)]
    at_us = NOON_US + number
    return replace(
        plain, event_id=named_id(at_us, f"signal {number}"), event_time_us=at_us, seq=number, state=state, **fields
    )


def received(events: Sequence[Event]) -> list[Received]:
    return [
        Received(RawMessage(TOPIC, 0, offset, None, encode_body(event), NOON_US), event)
        for offset, event in enumerate(events)
    ]


@pytest.fixture
def started(tmp_path: Path) -> Callable[[str], tuple[Alerts, Database]]:
    """Starts the application on the database of a name, as a process would, with one rule in force."""

    def start(name: str) -> tuple[Alerts, Database]:
        database = Database(tmp_path / f"{name}.db")
        with database.transaction() as connection:
            state_store.set_up(connection, "alerts/test", NOON_US)
        rulebook = Rulebook("prod")
        for change in ("version_created", "alias_moved"):
            rulebook.apply(
                RegistryChanged(
                    **envelope("registry"), revision=1, change=change, kind="rule", name="events-lost", version="1",
                    digest=DIGEST, alias="prod" if change == "alias_moved" else "", body_json=json.dumps(SPEC), author="me",
                )
            )  # fmt: skip
        return Alerts(
            database, rulebook, {"demo": "webhook"}, LIMITS, lambda: None, list[Recorded]().append, 100
        ), database

    return start


def waiting(database: Database) -> list[AlertChanged]:
    """Events that the application owes the log, in order."""
    return [one.event for one in state_store.waiting_events(database.connection, 1_000)]


def produced(database: Database) -> list[tuple[str, str]]:
    """Ids and states of the events that the application owes the log, in order."""
    return [(event.event_id, event.state) for event in waiting(database)]


SIGNALS = [
    signal(0, "cleared", value=0.0),
    signal(1, "raised", value=3.0),
    signal(2, "cleared", value=0.0),
    signal(3, "raised", value=1.0),
    signal(4, "raised", value=2.0, name="audit_duplicates"),
]


@pytest.mark.capability("X1")
async def test_a_missing_number_is_an_alert_until_it_is_found(
    started: Callable[[str], tuple[Alerts, Database]],
) -> None:
    alerts, database = started("once")

    await alerts.handle(received(SIGNALS))
    alerts.pass_time(NOON_US + 10)

    assert [state for _, state in produced(database)] == ["firing", "resolved", "firing"]
    (alert,) = alerts.alerts
    assert alert.annotations["summary"] == "audit_missing in the store of lineage: 1"
    database.close()


@pytest.mark.parametrize("cut", range(len(SIGNALS) + 1))
async def test_a_kill_and_a_replay_from_any_offset_give_the_same_ids(
    started: Callable[[str], tuple[Alerts, Database]], cut: int
) -> None:
    whole, whole_database = started("whole")
    await whole.handle(received(SIGNALS))

    before, database = started("killed")
    await before.handle(received(SIGNALS)[:cut])
    database.close()
    after, database = started("killed")
    await after.handle(received(SIGNALS))  # the offset was not committed: everything comes again

    assert produced(database) == produced(whole_database)
    database.close()
    whole_database.close()
