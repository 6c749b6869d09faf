"""An alert lives as long as its condition: rules are edited, verdicts change, receivers fail, clocks jump, processes die."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from harness.samples.alerts_world import SECOND_US, World
from weir.alerts.adapters import deliveries, state_store
from weir.alerts.core.state import REASON, Phase
from weir.events import EvaluationScored, InvalidEvent, OpsSignalled, decode_body, encode_body

CONDITION = {"field": "score", "aggregate": "mean", "op": "<", "value": 0.5, "window_events": 4, "events_min": 2}
SCORES: dict[str, Any] = {"source": "evaluation-scores", "match": {"evaluator": "e"}, "condition": CONDITION}
YEAR_US = 365 * 86_400 * SECOND_US


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "alerts.db", receivers={"demo": "webhook", "other": "webhook"})
    yield world
    world.database.close()


@pytest.mark.capability("O12")
@pytest.mark.parametrize(
    "edit",
    [
        {"annotations": {"summary": "other words"}},
        {"severity": "warn"},
        {"labels": {"team": "search"}},
        {"for_s": 5},
        {"group_by": ["tenant"]},
        {"match": {"level": ["page"]}},
        {"match": {"verdict": ["", "system"]}},
        {"group_wait_s": 3, "repeat_interval_s": 100},
    ],
)
def test_an_edited_rule_neither_resolves_nor_deletes_what_still_holds(world: World, edit: dict[str, Any]) -> None:
    world.rule("r")
    world.drift("fired")
    world.wait(5)
    (before,) = world.open()

    world.rule("r", **edit)
    world.wait(5)
    world.restart()
    world.wait(5)

    (after,) = world.open()
    assert (after.fingerprint, after.phase, after.starts_at_us) == (
        before.fingerprint,
        Phase.FIRING,
        before.starts_at_us,
    )
    assert set(world.statuses) == {"firing"}
    world.drift("cleared")
    world.wait(5)
    assert world.open() == []
    assert world.statuses[-1] == "resolved"
    assert world.believed() == set()


def test_an_edit_that_the_condition_does_not_meet_ends_the_alert_and_says_why(world: World) -> None:
    world.rule("r")
    world.drift("fired", verdict="judge")
    world.wait(5)

    world.rule("r", match={"verdict": "system"})
    world.wait(5)

    assert world.statuses == ["firing", "resolved"]
    assert "does not hold under the edited rule r" in world.bodies[-1]["alerts"][0]["annotations"][REASON]


def test_a_rule_that_is_gone_ends_its_alerts_and_says_why(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    world.wait(5)

    world.no_rule("r")
    world.wait(5)

    assert world.statuses == ["firing", "resolved"]
    assert world.bodies[-1]["alerts"][0]["annotations"][REASON] == "rule r is in force no more"


def test_a_rule_that_cannot_run_keeps_its_alerts_until_it_can(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    world.wait(5)

    world.rule("r", severity="loud")
    world.wait(5)
    world.restart()
    world.wait(5)
    assert (len(world.open()), world.statuses) == (1, ["firing"])
    world.drift("cleared")
    world.rule("r")
    world.wait(5)

    assert world.statuses == ["firing", "resolved"]


def test_a_new_rule_is_judged_by_what_stands(world: World) -> None:
    world.drift("fired")
    world.rule("r")
    world.wait(5)

    assert world.statuses == ["firing"]


@pytest.mark.parametrize(
    "match", [{"verdict": "pending"}, {"level": "page"}, {"state": "fired"}, {"config_digest": "x"}]
)
def test_the_end_is_heard_whatever_the_signal_that_ends_it_carries(world: World, match: dict[str, Any]) -> None:
    world.rule("r", match=match)
    world.drift("fired", verdict="pending", config_digest="x")
    world.wait(5)
    assert world.statuses == ["firing"]

    world.drift("cleared", verdict="", config_digest="y")
    world.wait(5)

    assert world.statuses == ["firing", "resolved"]


def test_a_level_ends_by_itself_and_one_without_a_level_ends_all(world: World) -> None:
    world.rule("r")
    for level in ("warn", "page"):
        world.drift("fired", level=level)
    world.wait(5)
    world.drift("cleared", level="page")
    world.wait(5)
    assert len(world.open()) == 1

    world.drift("cleared", level="")
    world.wait(5)
    assert world.open() == []
    assert world.statuses[-1] == "resolved"


def test_a_changed_verdict_is_told_and_one_that_the_rule_does_not_ask_for_ends_it(world: World) -> None:
    world.rule("r", match={"verdict": ["pending", "system"]})
    world.drift("fired", verdict="pending")
    world.wait(5)
    world.drift("fired", verdict="system")
    world.wait(5)
    assert [body["alerts"][0]["annotations"]["summary"] for body in world.bodies] == ["judge pending", "judge system"]

    world.drift("fired", verdict="judge")
    world.wait(5)
    assert world.statuses == ["firing", "firing", "resolved"]


def test_a_changed_severity_is_told_under_the_same_fingerprint(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    world.wait(5)
    world.rule("r", severity="warn")
    world.wait(5)

    first, second = (body["alerts"][0] for body in world.bodies)
    assert (first["labels"]["severity"], second["labels"]["severity"]) == ("page", "warn")
    assert first["fingerprint"] == second["fingerprint"]


def test_a_receiver_that_a_rule_names_no_more_hears_the_end_and_nothing_else(world: World) -> None:
    world.rule("r", receivers=["demo"])
    world.drift("fired")
    world.wait(5)
    world.rule("r", receivers=["other"])
    world.wait(200)
    world.drift("cleared")
    world.wait(5)

    heard = {name: [body["status"] for body in world.bodies if body["receiver"] == name] for name in ("demo", "other")}
    assert heard["demo"] == ["firing", "resolved"]
    assert heard["other"] == ["firing", "firing", "firing", "firing", "resolved"]


def test_a_condition_is_judged_anew_by_the_samples_there_are(world: World) -> None:
    world.rule("r", **SCORES)
    for _ in range(3):
        world.score(0.4)
    world.wait(5)
    assert world.statuses == ["firing"]

    world.rule("r", **{**SCORES, "condition": {**CONDITION, "value": 0.45}})
    world.wait(5)
    world.rule("r", **{**SCORES, "condition": {**CONDITION, "field": "passed", "aggregate": "fail_rate", "op": ">"}})
    world.wait(5)
    assert set(world.statuses) == {"firing"}
    world.rule("r", **{**SCORES, "condition": {**CONDITION, "value": 0.3}})
    world.wait(5)
    assert world.statuses[-1] == "resolved"


def test_a_firing_group_is_told_again(world: World) -> None:
    world.rule("r", repeat_interval_s=10)
    world.drift("fired")
    world.wait(35)

    assert world.statuses == ["firing"] * 4
    ids = [one.id for one in deliveries.list_deliveries(world.database.connection, "", 100)]
    assert len(set(ids)) == 4


def test_what_changed_while_a_delivery_failed_is_told_in_the_end(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    world.drift("fired", part="other")
    world.wait(3)
    world.drift("cleared", part="other")
    world.wait(3, deliver=False)
    world.deliver(is_dead=True)
    assert len(world.believed()) == 2

    world.restart()
    world.wait(70)

    assert len(world.believed()) == 1
    assert {one["status"] for one in world.bodies[-1]["alerts"]} == {"firing", "resolved"}


def test_a_dead_delivery_is_told_again_while_the_alert_fires(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    world.wait(3, deliver=False)
    world.deliver(is_dead=True)
    world.wait(70)

    assert world.statuses == ["firing"]
    states = [one.state for one in deliveries.list_deliveries(world.database.connection, "", 10)]
    assert sorted(states) == ["dead", "delivered"]


def test_what_fires_is_told_once_the_receiver_is_known(world: World) -> None:
    world.rule("r", receivers=["late"])
    world.drift("fired")
    world.wait(300)
    assert [one.state for one in deliveries.list_deliveries(world.database.connection, "", 10)] == ["dead"]

    world.receivers = {**world.receivers, "late": "webhook"}
    world.restart()
    world.wait(3)

    assert world.statuses == ["firing"]


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("for_s", [0, 5])
def test_a_deadline_a_year_ahead_does_not_survive_the_correction_of_the_clock(
    world: World, is_restarted: bool, for_s: int
) -> None:
    world.rule("r", for_s=for_s)
    world.now_us += YEAR_US
    world.alerts.pass_time(world.now_us)
    world.drift("fired")
    world.now_us -= YEAR_US
    if is_restarted:
        world.restart()
    world.wait(8)

    assert world.statuses == ["firing"]
    world.wait(65)
    assert world.statuses == ["firing"] * 2


def test_an_event_from_the_future_waits_no_longer_than_its_rule_says(world: World) -> None:
    world.rule("r", for_s=5)
    world.drift("fired", event_time_us=world.now_us + YEAR_US)
    world.wait(4)
    assert world.statuses == []
    world.wait(4)
    assert world.statuses == ["firing"]


@pytest.mark.parametrize(
    "fields", [{"event_time_us": 2**62}, {"event_time_us": -1}, {"score": float("nan")}, {"score": float("inf")}]
)
def test_a_value_that_no_alert_can_carry_is_one_dead_letter(world: World, fields: dict[str, Any]) -> None:
    world.rule("r", **SCORES)

    with pytest.raises(InvalidEvent):
        world.say(EvaluationScored, **{"evaluator": "e", "score": 0.1, "anchor_id": "", **fields})
    world.wait(1)
    for _ in range(3):
        world.score(0.1)
    world.wait(3)

    assert world.statuses == ["firing"]


def test_the_mean_of_huge_scores_is_finite(world: World) -> None:
    world.rule("r", **{**SCORES, "condition": {**CONDITION, "op": ">"}})
    for _ in range(4):
        world.score(1.7e308)
    world.wait(3)

    assert world.statuses == ["firing"]


@pytest.mark.parametrize("value", [2**62, -(2**62), 10**30, -1])
@pytest.mark.parametrize("for_s", [0, 100])
def test_stored_times_that_no_step_can_carry_are_put_right(world: World, value: int, for_s: int) -> None:
    world.rule("r", for_s=for_s)
    world.drift("fired")
    world.wait(2)
    for table in ("alerts", "alert_groups"):
        rows = world.database.connection.execute(f"SELECT rowid, record_json FROM {table}").fetchall()
        for row, text in rows:
            absurd = re.sub(r'(_us":)[0-9]+', rf"\g<1>{value}", text)
            world.database.connection.execute(f"UPDATE {table} SET record_json = ? WHERE rowid = ?", (absurd, row))

    world.restart()
    world.wait(110)
    assert len(world.open()) == 1
    assert "firing" in world.statuses
    world.drift("cleared")
    world.wait(10)

    assert world.statuses[-1] == "resolved"
    for one in state_store.waiting_events(world.database.connection, 100):
        decode_body("AlertChanged", encode_body(one.event))


@pytest.mark.parametrize("table", ["alerts", "alert_groups", "standing", "silences", "outbox"])
@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"window": 3}', "[" * 100_000])
def test_a_stored_row_that_cannot_be_read_is_put_aside(world: World, table: str, text: str) -> None:
    world.rule("r")
    world.drift("fired")
    world.wait(3)
    world.database.connection.execute("INSERT OR REPLACE INTO silences VALUES ('s', '{}')")
    world.database.connection.execute(f"UPDATE {table} SET record_json = ?", (text,))

    world.restart()
    world.wait(3)

    kept = world.database.connection.execute("SELECT DISTINCT place FROM damaged").fetchall()
    assert (table,) in kept
    world.drift("fired", part="new")
    world.wait(5)
    assert world.bodies[-1]["status"] == "firing"


def test_events_that_wait_for_kafka_are_brought_into_range(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    world.database.connection.execute(
        "UPDATE outbox SET record_json = replace(record_json, '\"starts_at_us\":', '\"starts_at_us\":9')"
    )
    world.restart()

    (one,) = state_store.waiting_events(world.database.connection, 10)
    assert one.event.starts_at_us == world.now_us


def test_what_an_older_version_stored_lives_on(world: World) -> None:
    """It knew no standing signals, named alerts by their fingerprints, and notified of a firing group once."""
    world.rule("r")
    world.drift("fired")
    world.wait(3)
    connection = world.database.connection
    connection.execute("DELETE FROM standing")
    for table in ("alerts", "alert_groups"):
        rows = connection.execute(f"SELECT rowid, record_json FROM {table}").fetchall()
        for row, text in rows:
            connection.execute(f"UPDATE {table} SET record_json = ? WHERE rowid = ?", (_as_it_was(text), row))
    connection.execute("UPDATE alerts SET key = json_extract(record_json, '$.fingerprint')")

    world.restart()
    world.rule("r", annotations={"summary": "edited"})
    world.wait(80)
    assert len(world.open()) == 1
    assert set(world.statuses) == {"firing"}
    assert 2 <= len(world.statuses) <= 4
    world.drift("cleared")
    world.wait(5)

    assert (world.open(), world.statuses[-1]) == ([], "resolved")
    assert connection is not world.database.connection


def _as_it_was(text: str) -> str:
    record = json.loads(text)
    old_group = ("receiver", "key", "labels", "alerts", "notified", "flush_at_us", "flushed_us")
    if "timing" in record:
        record = {name: record[name] for name in old_group} | {"flush_at_us": 0}
        record["told"] = record.pop("notified")
        record["alerts"] = {name: json.loads(_as_it_was(json.dumps(one))) for name, one in record["alerts"].items()}
        return json.dumps(record)
    for name in ("key", "identity", "seen_us", "turn", "watched", "fields", "facts"):
        del record[name]
    return json.dumps({**record, "window": []})


@pytest.mark.parametrize("clock_us", [0, 2**62, -SECOND_US])
def test_an_absurd_clock_makes_no_event_that_nobody_can_read(world: World, clock_us: int) -> None:
    world.rule("r")
    world.drift("fired")
    world.wait(3)
    sane_us, world.now_us = world.now_us, clock_us
    world.no_rule("r")
    world.alerts.pass_time(world.now_us)
    world.now_us = sane_us
    world.wait(5)

    assert world.statuses == ["firing", "resolved"]
    for one in state_store.waiting_events(world.database.connection, 100):
        decode_body("AlertChanged", encode_body(one.event))


def test_an_ops_signal_of_another_tenant_ends_what_was_raised(world: World) -> None:
    world.rule("r", source="ops-signals", match={"tenant": "demo"}, group_by=["name"])
    world.say(OpsSignalled, state="raised", tenant="demo", name="n", subject="s")
    world.wait(3)
    world.say(OpsSignalled, state="cleared", tenant="", name="n", subject="s")
    world.wait(3)

    assert world.statuses == ["firing", "resolved"]


def test_an_alertmanager_holds_an_alert_until_our_next_word_also_when_its_group_was_made_and_told_at_once(
    tmp_path: Path,
) -> None:
    world = World(tmp_path / "alerts.db", receivers={"demo": "alertmanager"})
    world.drift("fired")
    world.rule("r", group_wait_s=0, repeat_interval_s=600)
    world.wait(0)
    world.database.close()

    (body,) = world.bodies
    (alert,) = cast(list[dict[str, str]], body)
    held_s = (datetime.fromisoformat(alert["endsAt"]) - datetime.fromtimestamp(world.now_us / 1e6, UTC)).total_seconds()
    assert held_s > 600
