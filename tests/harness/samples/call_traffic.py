"""Traffic for rules over calls: the rule of the tests with another condition, and a call each second."""

from __future__ import annotations

from typing import Any

from harness.samples.alerts_world import CALLS, SECOND_US, World

CONDITION = CALLS["calls"]
"""Of the rule that the tests change."""


def calls_of(**changes: Any) -> dict[str, Any]:
    """The rule with another condition."""
    return {**CALLS, "calls": {**CONDITION, **changes}}


def traffic(world: World, seconds: int, latency_ms: float, **fields: Any) -> None:
    """A call each second."""
    for _ in range(seconds):
        world.call(latency_ms, **fields)
        world.now_us += SECOND_US
        world.alerts.pass_time(world.now_us)
        world.deliver()
