"""What no alert can carry is put right: times of a wrong clock, stored rows that cannot be read, values out of range."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harness.samples.alerts_world import CONDITION, SCORES, SECOND_US, World
from weir.alerts.adapters import state_store
from weir.events import EvaluationScored, InvalidEvent, decode_body, encode_body

YEAR_US = 365 * 86_400 * SECOND_US


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
