"""O14 in alerts: a change of phase is a span of its cause's trace, and the webhook carries it on, over restarts too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.samples.alerts_world import QUALITY, World
from unit.alerts.test_alerts_delivery import SPANS, delivering, delivery, until_delivered
from weir.alerts.adapters import deliveries, state_store
from weir.alerts.adapters.database import Database
from weir.events import DriftSignalled, EvaluationScored, OpsSignalled
from weir.events.trace_context import TraceContext, read_trace
from weir.runtime.telemetry.span_words import links_of

CAUSE = TraceContext("a" * 32, "b" * 16, "01", "vendor=1")
UNSAMPLED = TraceContext("c" * 32, "d" * 16, "00")
SCORES = {
    "source": "evaluation-scores",
    "condition": {"field": "score", "aggregate": "mean", "op": "<", "value": 0.5, "window_events": 3, "events_min": 3},
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "alerts.db")
    yield world
    world.database.close()


def queued(world: World) -> list[deliveries.Delivery]:
    """Deliveries that wait, one a group."""
    found = deliveries.next_for(world.database.connection, "demo")
    return [found[0]] if found else []


def test_an_alarm_joins_the_trace_of_its_cause_and_so_does_its_webhook(world: World) -> None:
    world.rule("r")
    world.say(DriftSignalled, trace=CAUSE, **QUALITY, state="fired")
    (waiting,) = state_store.waiting_events(world.database.connection, 10)
    event = waiting.event
    world.restart()
    world.now_us += 2_000_000
    world.alerts.pass_time(world.now_us)

    assert (event.trace_id, event.parent_span_id) == (CAUSE.trace_id, CAUSE.parent_span_id)
    assert waiting.trace == CAUSE.below(event.span_id)
    (sent,) = queued(world)
    assert read_trace(sent.traceparent, sent.tracestate) == CAUSE.below(event.span_id)
    (recorded,) = world.spans
    assert (recorded.trace, recorded.span.span_id) == (CAUSE, event.span_id)
    assert (recorded.span.name, recorded.span.kind) == ("process drift-signals", "consumer")
    assert recorded.span.attributes["weir.alert.rule"] == "r"


def test_a_wait_goes_on_in_the_trace_in_which_it_began(world: World) -> None:
    world.rule("r", for_s=5)
    world.say(DriftSignalled, trace=CAUSE, **QUALITY, state="fired")
    world.restart()
    world.now_us += 6_000_000
    world.alerts.pass_time(world.now_us)

    pending, firing = (one.event for one in state_store.waiting_events(world.database.connection, 10))
    assert (pending.state, firing.state) == ("pending", "firing")
    assert firing.trace_id == CAUSE.trace_id
    assert firing.parent_span_id == pending.span_id != firing.span_id
    assert [one.span.name for one in world.spans] == ["process drift-signals", "alert r"]


def test_what_no_call_caused_begins_a_trace_of_its_own(world: World) -> None:
    world.rule("lost", source="ops-signals", group_by=[])
    world.say(OpsSignalled, state="raised")
    world.say(OpsSignalled, state="cleared")

    raised, cleared = (one.event for one in state_store.waiting_events(world.database.connection, 10))
    assert len(raised.trace_id) == 32
    assert (raised.parent_span_id, cleared.trace_id, cleared.parent_span_id) == ("", raised.trace_id, raised.span_id)


def test_an_alarm_over_many_scores_links_to_them(world: World) -> None:
    world.rule("r", **SCORES)
    traces = [TraceContext(f"{number:032x}", f"{number:016x}", "01") for number in (1, 2, 3)]
    for trace in traces:
        world.say(EvaluationScored, trace=trace, score=0.0, passed=False)

    (recorded,) = world.spans
    assert recorded.trace == traces[2]
    assert links_of(recorded.span.attributes) == [traces[1], traces[0]]


def test_a_trace_that_is_not_sampled_stays_so(world: World) -> None:
    world.rule("r")
    world.say(DriftSignalled, trace=UNSAMPLED, **QUALITY, state="fired")
    world.now_us += 2_000_000
    world.alerts.pass_time(world.now_us)

    (sent,) = queued(world)
    assert sent.traceparent.startswith(f"00-{UNSAMPLED.trace_id}-")
    assert sent.traceparent.endswith("-00")


def test_the_same_history_gives_the_same_ids(tmp_path: Path) -> None:
    def sent(name: str) -> list[Any]:
        world = World(tmp_path / name)
        world.rule("r")
        world.say(DriftSignalled, **QUALITY, state="fired")
        world.say(DriftSignalled, trace=CAUSE, **QUALITY, state="cleared")
        found = [one.event for one in state_store.waiting_events(world.database.connection, 10)]
        world.database.close()
        return found

    assert sent("one.db") == sent("two.db")


@pytest.mark.capability("O14")
async def test_every_try_of_a_webhook_is_a_span_and_says_so_to_the_receiver(
    database: Database, http_receiver: Any, answer_of: Any
) -> None:
    http_receiver.answers = [answer_of(503)]
    under = CAUSE.below("e" * 16)
    traced = replace(
        delivery("msg_traced"), traceparent=under.traceparent, tracestate=under.state, links=UNSAMPLED.traceparent
    )
    deliveries.put(database.connection, traced, b"{}")

    async with delivering(database, http_receiver.url):
        await until_delivered(database, "msg_traced")

    spans = [one for one in SPANS if one.span.attributes["weir.delivery"] == "msg_traced"]
    shown = deliveries.find(database.connection, "msg_traced")
    assert shown is not None
    assert (shown[0].traceparent, shown[0].links) == (under.traceparent, UNSAMPLED.traceparent)
    heard = [read_trace(headers["traceparent"], headers["tracestate"]) for headers, _ in http_receiver.received]
    assert heard == [under.below(one.span.span_id) for one in spans]
    assert [one.span.status for one in spans] == ["error", "ok"]
    assert [one.span.attributes.get("error.type") for one in spans] == ["503", None]
    assert [one.span.attributes.get("http.request.resend_count") for one in spans] == [None, "1"]
    assert all(links_of(one.span.attributes) == [UNSAMPLED] for one in spans)
    assert all("/" not in value for one in spans for value in one.span.attributes.values())


async def test_a_delivery_of_no_trace_begins_one(database: Database, http_receiver: Any) -> None:
    deliveries.put(database.connection, delivery("msg_alone"), b"{}")

    async with delivering(database, http_receiver.url):
        await until_delivered(database, "msg_alone")

    ((headers, _),) = http_receiver.received
    assert read_trace(headers["traceparent"], "") is not None
