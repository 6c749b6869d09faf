"""Rules over calls: fired, explained and resolved; unknown is neither; nothing counts twice; all is bounded."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from harness.samples.alerts_world import CALLS, SECOND_US, World
from harness.samples.builders import NOON_US, completed
from harness.samples.call_traffic import calls_of, traffic
from weir.alerts.core.state import REASON, Phase
from weir.events import InferenceCompleted, named_id
from weir.events.log import RawMessage
from weir.events.trace_context import SAMPLED, TraceContext
from weir.runtime.kafka.handling import Received
from weir.runtime.telemetry.span_words import LINKS


def counted(rule: str, result: str) -> float:
    return REGISTRY.get_sample_value("weir_alerts_calls_total", {"rule": rule, "result": result}) or 0.0


@pytest.mark.capability("O12", "O16")
def test_a_slow_route_fires_with_its_evidence_and_resolves_once_it_is_fast(world: World) -> None:
    world.rule("slow", **CALLS)
    traffic(world, 60, 100.0)
    assert world.open() == []

    traffic(world, 20, 900.0)

    (alert,) = world.open()
    assert alert.labels == {"tenant": "demo", "route": "docs-qa", "alertname": "slow", "severity": "page"}
    assert (alert.phase, alert.threshold) == (Phase.FIRING, 500)
    assert alert.value == pytest.approx(900, rel=0.01)
    said = world.bodies[0]["alerts"][0]["annotations"]
    assert said["condition"] == "latency_p95_ms > 500"
    assert said["observed"].endswith(", within 1%")
    assert said["window"].endswith("Z, 60 s")
    assert said["calls"] == "60; 20 are needed"
    assert len(said["examples"].split(", ")) == 5
    assert said["summary"].startswith("latency_p95_ms of docs-qa is 9")

    traffic(world, 70, 100.0)

    assert world.open() == []
    assert world.statuses == ["firing", "firing", "resolved"]  # the second repeats the first after a minute
    assert REASON not in world.bodies[-1]["alerts"][0]["annotations"]


def test_a_change_links_to_the_calls_that_it_names(world: World) -> None:
    world.rule("slow", **CALLS)
    for number in range(40):
        traffic(world, 1, 900.0, trace=TraceContext(f"{number:032x}", f"{number:016x}", SAMPLED) if number else None)

    (alert,) = world.open()
    assert alert.cause_event_id
    (recorded,) = world.spans
    assert recorded.span.name == "alert slow"
    named = recorded.span.attributes[LINKS].split()
    assert len(named) == 5
    assert all(int(one.split("-")[1], 16) <= 24 for one in named)  # the calls of the window in which it began to fire
    world.restart()
    assert world.open()[0].links == alert.links


@given(
    st.lists(st.tuples(st.sampled_from([100.0, 900.0]), st.integers(0, 3), st.integers(0, 12)), max_size=60), st.data()
)
@settings(max_examples=10)
def test_the_cut_into_batches_means_nothing(events: list[tuple[float, int, int]], data: st.DataObject) -> None:
    """events: latency, partition, and seconds since the one before."""
    time_us, calls = NOON_US - 900 * SECOND_US, []
    for number, (latency_ms, partition, later_s) in enumerate(events):
        time_us += later_s * SECOND_US
        event = completed(number, event_time_us=time_us, latency_ms=latency_ms)
        calls.append(Received(RawMessage("inference-responses", partition, number, None, b"", NOON_US), event))
    ends = []
    for cuts in ([], data.draw(st.lists(st.integers(0, len(calls)), max_size=5))):
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder) / "alerts.db")
            world.rule("slow", **calls_of(calls_min=2))
            for first, end in pairwise([0, *sorted(cuts), len(calls)]):
                asyncio.run(world.alerts.handle(calls[first:end]))
            ends.append((world.alerts.alerts, [reading for *_, reading in world.alerts.readings()]))
            world.database.close()

    assert ends[0] == ends[1]


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_calls_that_come_again_change_nothing(tmp_path: Path, repeats: int) -> None:
    """The law run(events) == run(events + events): a call counts once, by its id, wherever it stands in the log."""
    ends = []
    for copies in (1, repeats):
        world = World(tmp_path / f"{copies}-{repeats}.db")
        world.rule("slow", **CALLS)
        for number in range(90):
            latency_ms = 900.0 if 40 <= number < 60 else 100.0
            for _ in range(copies):
                world.call(
                    latency_ms,
                    event_id=named_id(world.now_us, f"call {number}"),
                    request_id=named_id(world.now_us, "call"),
                )
            world.now_us += SECOND_US
        world.restart()
        for number in range(40, 60):
            world.call(900.0, event_id=named_id(world.now_us - (90 - number) * SECOND_US, f"call {number}"))
        world.wait(5)
        ends.append([(body["status"], [one["annotations"] for one in body["alerts"]]) for body in world.bodies])
        world.database.close()

    assert ends[0] == ends[1]
    assert ends[0]


def test_a_restart_at_any_moment_changes_nothing(tmp_path: Path) -> None:
    ends = []
    for every in (1_000, 7):
        world = World(tmp_path / f"{every}.db")
        world.rule("slow", **CALLS)
        for number in range(150):
            traffic(world, 1, 900.0 if 40 <= number < 60 else 100.0)
            if number % every == every - 1:
                world.restart()
        ends.append(
            [(body["status"], body["alerts"][0]["annotations"], body["alerts"][0]["endsAt"]) for body in world.bodies]
        )
        world.database.close()

    assert [status for status, *_ in ends[0]] == ["firing", "firing", "resolved"]
    assert ends[0] == ends[1]


def test_too_few_calls_are_unknown_and_neither_raise_nor_end_an_alert(world: World) -> None:
    world.rule("slow", **CALLS)
    traffic(world, 19, 900.0)
    world.wait(10)
    assert world.open() == []
    assert [one.value for _, _, one in world.alerts.readings()] == [None]

    traffic(world, 30, 900.0)
    (before,) = world.open()
    world.wait(600)
    (after,) = world.open()
    assert (before.phase, after.phase) == (Phase.FIRING, Phase.FIRING)
    assert world.statuses[0] == "firing"
    assert "resolved" not in world.statuses


def test_an_alert_that_stays_unknown_ends_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path / "alerts.db")
    world.calls = replace(world.calls, unknown_us=120 * SECOND_US)
    world.rule("slow", **CALLS)
    world.restart()
    traffic(world, 30, 900.0)
    world.wait(100)
    assert len(world.open()) == 1

    world.restart()
    world.wait(150)

    assert world.open() == []
    said = world.bodies[-1]["alerts"][0]
    assert said["status"] == "resolved"
    assert "too few calls for 1" in said["annotations"][REASON]
    assert "whether it still holds is not known" in said["annotations"][REASON]
    assert world.alerts.readings() == []
    world.database.close()


def test_a_wait_is_counted_in_event_time_and_a_lull_ends_it(world: World) -> None:
    world.rule("slow", **CALLS, for_s=60)
    traffic(world, 26, 900.0)
    (pending,) = world.open()
    assert pending.phase is Phase.PENDING

    world.wait(100)
    assert world.open() == []
    assert world.bodies == []

    traffic(world, 70, 900.0)
    assert world.bodies == []
    traffic(world, 30, 900.0)
    (firing,) = world.open()
    assert firing.phase is Phase.FIRING


def test_a_backlog_is_judged_by_when_its_calls_ended(world: World) -> None:
    """A process that was down for two hours reads what was slow and fast again: it says both, in this order."""
    world.rule("slow", **CALLS)
    start_us = world.now_us - 7_200 * SECOND_US
    for number in range(200):
        world.call(900.0 if number < 60 else 100.0, event_time_us=start_us + number * SECOND_US)
    world.wait(5)

    assert world.open() == []
    assert [one.phase for one in world.alerts.alerts] == [Phase.RESOLVED]
    assert world.alerts.alerts[0].ends_at_us < start_us + 140 * SECOND_US


def test_late_calls_count_while_their_window_lasts_and_are_named_after_it(world: World) -> None:
    world.rule("late", **CALLS)
    before = counted("late", "late"), counted("late", "counted")
    traffic(world, 30, 100.0)

    world.call(900.0, event_time_us=world.now_us - 25 * SECOND_US)
    world.call(900.0, event_time_us=world.now_us - 90 * SECOND_US)

    assert counted("late", "late") == before[0] + 1
    assert counted("late", "counted") == before[1] + 31


def test_a_gateway_whose_clock_is_ahead_does_not_blind_the_rule(world: World) -> None:
    world.rule("slow", **CALLS)
    world.call(100.0, event_time_us=world.now_us + 86_400 * SECOND_US)

    traffic(world, 40, 900.0)

    assert len(world.open()) == 1


def test_each_group_has_its_own_alert(world: World) -> None:
    world.rule("slow", **calls_of(by=["model", "release_digest"]))
    for _ in range(40):
        world.call(900.0, model="a", release_digest="sha256:1")
        world.call(100.0, model="a", release_digest="sha256:2")
        world.now_us += SECOND_US

    assert [one.labels["release_digest"] for one in world.open()] == ["sha256:1"]


def test_beyond_the_groups_a_new_one_is_named_and_an_idle_one_makes_room(world: World) -> None:
    world.rule("full", **calls_of(by=["model"]))
    before = counted("full", "unwatched")
    for number in range(25):
        world.call(100.0, model=f"m{number}")
    assert counted("full", "unwatched") == before + 5
    assert len(world.alerts.readings()) == 20

    world.wait(130)
    world.call(100.0, model="later")

    assert counted("full", "unwatched") == before + 5
    assert [series.identity["model"] for _, series, _ in world.alerts.readings()] == ["later"]


def test_strangers_cannot_fill_the_groups_with_names_of_routes(world: World) -> None:
    world.rule("refused", **calls_of(measure="refusal_rate", value=0.5, calls_min=5, by=["route"]))
    for number in range(30):
        world.call(1.0, route=f"guess {number}", outcome="refused", release_digest="")
    world.call(1.0, route="docs-qa")
    world.call(1.0, route="docs-qa", outcome="refused", release_digest="")
    world.now_us += 10 * SECOND_US
    world.alerts.pass_time(world.now_us)

    assert {series.identity["route"]: reading.calls for _, series, reading in world.alerts.readings()} == {
        "other": 30,
        "docs-qa": 2,
    }
    assert [one.labels["route"] for one in world.open()] == ["other"]


def test_an_edited_threshold_is_judged_by_the_calls_that_are_known(world: World) -> None:
    world.rule("slow", **CALLS)
    traffic(world, 60, 300.0)

    world.rule("slow", **calls_of(value=200))
    world.wait(1)
    assert len(world.open()) == 1

    world.rule("slow", **CALLS)
    world.wait(1)
    assert world.open() == []


@pytest.mark.parametrize(
    "edit", [{"measure": "latency_p50_ms"}, {"window_s": 120}, {"measure": "error_rate", "value": 0.5}]
)
def test_another_measure_begins_anew_and_keeps_the_alert_until_it_is_known(world: World, edit: dict[str, Any]) -> None:
    world.rule("slow", **CALLS)
    traffic(world, 60, 900.0)

    world.rule("slow", **calls_of(**edit))
    world.wait(1)
    assert len(world.open()) == 1
    assert [one.value for _, _, one in world.alerts.readings()] == [None]

    traffic(world, 40, 100.0)
    assert world.open() == []


def test_a_rule_that_is_gone_forgets_its_windows(world: World) -> None:
    world.rule("slow", **CALLS)
    traffic(world, 40, 900.0)

    world.no_rule("slow")
    world.wait(1)

    assert world.open() == []
    connection = world.database.connection
    assert connection.execute("SELECT count(*) FROM call_series").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM call_panes").fetchone() == (0,)


def test_the_ids_that_are_kept_are_bounded(tmp_path: Path) -> None:
    world = World(tmp_path / "alerts.db")
    world.calls = replace(world.calls, ids_max=10)
    world.rule("slow", **CALLS)
    world.restart()

    traffic(world, 30, 100.0)

    assert world.database.connection.execute("SELECT count(*) FROM call_ids").fetchone() == (10,)
    assert REGISTRY.get_sample_value("weir_alerts_calls_remembered") == 10
    world.database.close()


def test_without_a_rule_over_calls_nothing_is_kept_of_them(world: World) -> None:
    world.rule("r")
    traffic(world, 5, 100.0)

    connection = world.database.connection
    for table in ("call_ids", "call_series", "call_panes", "offsets"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


@pytest.mark.parametrize("table", ["call_series", "call_panes"])
def test_a_damaged_window_is_set_aside_and_begins_anew(world: World, table: str) -> None:
    world.rule("slow", **CALLS)
    traffic(world, 40, 900.0)
    world.database.connection.execute(f"UPDATE {table} SET record_json = 'x'")

    world.restart()
    traffic(world, 60, 100.0)

    assert world.open() == []
    assert world.database.connection.execute("SELECT count(*) FROM damaged").fetchone()[0] > 0


def test_a_call_that_no_alert_can_carry_is_refused_whole(world: World) -> None:
    world.rule("slow", **CALLS)

    with pytest.raises(Exception, match="expected a finite number"):
        world.say(InferenceCompleted, latency_ms=float("nan"))

    assert world.database.connection.execute("SELECT count(*) FROM call_ids").fetchone() == (0,)
