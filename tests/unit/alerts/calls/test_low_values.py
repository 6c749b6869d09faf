"""Rules on low values: a group that is new is not low, one that is silent can be, and the examples are the lowest."""

from __future__ import annotations

import pytest

from harness.samples.alerts_world import SECOND_US, World
from harness.samples.call_traffic import calls_of, traffic
from weir.alerts.core.state import Phase
from weir.events import named_id


def test_a_route_that_nobody_calls_any_more_can_be_an_alert(world: World) -> None:
    world.rule("silent", **calls_of(measure="calls_per_min", op="<", value=1, calls_min=0))
    traffic(world, 60, 100.0)
    assert world.open() == []

    world.wait(70)

    assert [one.rule for one in world.open()] == ["silent"]
    traffic(world, 10, 100.0)
    assert world.open() == []


@pytest.mark.parametrize("measure", ["calls_per_min", "output_tokens_per_min"])
@pytest.mark.parametrize("every", [1_000, 7])
def test_a_group_that_just_began_is_not_low_until_it_was_watched_for_a_window(
    world: World, measure: str, every: int
) -> None:
    """A call a second is 60 a minute from the first second on; a part of a window has fewer."""
    world.rule("low", **calls_of(measure=measure, op="<", value=30, calls_min=1))
    for number in range(70):
        traffic(world, 1, 100.0, output_tokens=1)
        if number % every == every - 1:
            world.restart()
        assert world.alerts.alerts == []
        assert (world.alerts.readings()[0][2].value is None) == (number < 59)

    world.wait(40)
    world.call(100.0, output_tokens=1)
    world.wait(1)
    assert [one.rule for one in world.open()] == ["low"]


def test_an_edited_window_is_not_low_until_it_was_watched_whole(world: World) -> None:
    low = {"measure": "calls_per_min", "op": "<", "value": 30, "calls_min": 1}
    world.rule("low", **calls_of(**low), for_s=600)
    traffic(world, 90, 100.0)

    world.rule("low", **calls_of(**low, window_s=120), for_s=600)
    traffic(world, 110, 100.0)
    assert world.alerts.alerts == []

    world.wait(70)
    world.call(100.0)
    assert [one.phase for one in world.open()] == [Phase.PENDING]
    world.rule("low", **calls_of(**low, window_s=240), for_s=600)
    traffic(world, 60, 100.0)
    assert [one.phase for one in world.alerts.alerts] == [Phase.INACTIVE]
    assert world.bodies == []


def test_of_a_rule_on_low_values_the_examples_are_the_lowest(world: World) -> None:
    world.rule("fast", **calls_of(measure="latency_p50_ms", op="<", value=500))
    requests = {}
    for number in range(40):
        latency_ms = 100.0 + number % 10
        requests[world.now_us // SECOND_US] = latency_ms
        traffic(world, 1, latency_ms, request_id=named_id(world.now_us, f"{latency_ms:g}"))

    assert world.open()
    named = world.bodies[0]["alerts"][0]["annotations"]["examples"].split(", ")
    lowest = {named_id(second * SECOND_US, f"{ms:g}") for second, ms in requests.items() if ms <= 102.0}
    assert len(named) == 5
    assert {*named} <= lowest
