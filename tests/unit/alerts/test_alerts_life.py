"""An alert lives as long as its condition: rules are edited, verdicts change, receivers fail, clocks jump, processes die."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from harness.samples.alerts_world import CONDITION, SCORES, World
from weir.alerts.adapters import deliveries
from weir.alerts.core.state import REASON, Phase
from weir.events import OpsSignalled


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
