"""The law of alerts over any interleaving of signals, edited rules, time, clock jumps, deaths of deliveries and of processes.

An alert is open if and only if its condition holds under the rule in force. No receiver hears that one is resolved while it
fires, every receiver knows in the end exactly what fires, and hears nothing that it knows already.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.samples.alerts_world import SECOND_US, TIMING, World
from weir.alerts.adapters import deliveries
from weir.alerts.core.state import Phase

PARTS, LEVELS, VERDICTS, NAMES = ("a", "b"), ("page", "warn"), ("pending", "system", "judge"), ("r", "s")
SPECS: list[dict[str, Any]] = [
    {},
    {"match": {"level": "page"}},
    {"match": {"verdict": ["pending", "system"]}, "labels": {"team": "x"}},
    {"match": {"part": "a"}, "severity": "warn"},
    {"match": {"level": ["page", "warn"], "verdict": "system"}, "receivers": ["demo", "other"]},
    {"receivers": ["other"], "annotations": {"summary": "other words"}},
    {"for_s": 3},
    {"match": {"route": "elsewhere"}},
    {"group_by": ["severity", "part"], "severity": "info"},
]
REGROUPING = len(SPECS) - 1
"""The last one moves alerts between groups, where one is notified again of what it knows from the other."""

JUMP_S = 3_600.0

FIRED = st.tuples(st.just("fired"), st.sampled_from(PARTS), st.sampled_from(LEVELS), st.sampled_from(VERDICTS))
CLEARED = st.tuples(st.just("cleared"), st.sampled_from(PARTS), st.sampled_from(LEVELS), st.sampled_from(VERDICTS))
EDITED = st.tuples(st.just("rule"), st.sampled_from(NAMES), st.sampled_from(range(REGROUPING)))
REGROUPED = st.tuples(st.just("rule"), st.sampled_from(NAMES), st.just(REGROUPING))
GONE = st.tuples(st.just("no_rule"), st.sampled_from(NAMES))
WAITED = st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 1.0, 2.5, 6.0]))
JUMPED = st.tuples(st.just("jump"), st.sampled_from([-JUMP_S, JUMP_S]))
RESTARTED, DIED = st.tuples(st.just("restart")), st.tuples(st.just("die"))
QUIET = st.one_of(FIRED, FIRED, CLEARED, EDITED, GONE, WAITED, WAITED, RESTARTED)
ROUGH = st.one_of(QUIET, JUMPED, DIED, REGROUPED)


@dataclass
class Law:
    """What must be the case, worked out in the plainest way beside the real thing."""

    world: World
    standing: dict[tuple[str, str], str] = field(default_factory=dict)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By receiver and group, the mark of each alert that was last notified."""

    def do(self, step: tuple[Any, ...]) -> None:
        kind, *rest = step
        if kind == "fired":
            self.standing[rest[0], rest[1]] = rest[2]
            self.world.drift("fired", part=rest[0], level=rest[1], verdict=rest[2])
        elif kind == "cleared":
            self.standing.pop((rest[0], rest[1]), None)
            self.world.drift("cleared", part=rest[0], level=rest[1], verdict=rest[2])
        elif kind == "rule":
            self.world.rule(rest[0], **SPECS[rest[1]])
        elif kind == "no_rule":
            if rest[0] in self.world.specs:
                self.world.no_rule(rest[0])
        elif kind == "wait":
            self.wait(rest[0])
        elif kind == "jump":
            self.world.now_us += round(rest[0] * SECOND_US)
        elif kind == "die":
            self.world.deliver(is_dead=True)
        else:
            self.world.restart()
        self.look()
        assert self.open() == self.due(), step

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.look()
            self.world.deliver()
            self.world.now_us += SECOND_US // 2

    def look(self) -> None:
        """Let what is due be decided; nothing is decided to be notified as ended that fires at that moment."""
        connection = self.world.database.connection
        before = {one.id for one in deliveries.list_deliveries(connection, "", 10_000)}
        self.world.alerts.pass_time(self.world.now_us)
        firing = {one.fingerprint for one in self.world.open() if one.phase is Phase.FIRING}
        for one in deliveries.list_deliveries(connection, "", 10_000):
            found = deliveries.find(connection, one.id) if one.id not in before else None
            said = json.loads(found[1])["alerts"] if found else []
            ended = {alert["fingerprint"] for alert in said if alert["status"] == "resolved"}
            assert not ended & firing, "resolved while it fires"

    def open(self) -> set[tuple[str, str]]:
        return {(one.rule, one.identity["part"]) for one in self.world.open()}

    def due(self) -> set[tuple[str, str]]:
        return {
            (name, part)
            for name, part in itertools.product(self.world.specs, PARTS)
            if any(_holds(self.world.specs[name]["match"], part, level, verdict)
                   for (of, level), verdict in self.standing.items() if of == part)
        }  # fmt: skip

    def end(self) -> None:
        """After the longest wait every receiver knows exactly what fires and concerns it."""
        self.wait(75)
        firing = [one for one in self.world.open() if one.phase is Phase.FIRING]
        for receiver in ("demo", "other"):
            believed: set[str] = set()
            for body in self.world.bodies:
                if body["receiver"] == receiver:
                    for one in body["alerts"]:
                        (believed.add if one["status"] == "firing" else believed.discard)(one["fingerprint"])
            assert believed <= {one.fingerprint for one in firing}, f"{receiver} was not notified of an end"
            concerned = {one.fingerprint for one in firing if receiver in self.world.specs[one.rule]["receivers"]}
            assert concerned <= believed, f"{receiver} was not notified of what fires"

    def says_nothing_twice(self) -> None:
        """Every notification says something that its receiver did not know."""
        for body in self.world.bodies:
            known = self.known.setdefault(f"{body['receiver']} {body['groupKey']}", {})
            said = {one["fingerprint"]: one for one in body["alerts"]}
            assert any(known.get(name) != one for name, one in said.items()), "notified twice"
            known |= said


def _holds(match: dict[str, Any], part: str, level: str, verdict: str) -> bool:
    fields = {"part": part, "level": level, "verdict": verdict, "route": "docs-qa"}
    return all(fields[name] in (asked if isinstance(asked, list) else [asked]) for name, asked in match.items())


@contextmanager
def law(repeat_s: int) -> Iterator[Law]:
    """A law over a world on a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        receivers = {"demo": "webhook", "other": "webhook"}
        world = World(Path(folder) / "alerts.db", receivers, replace(TIMING, repeat_interval_us=repeat_s * SECOND_US))
        yield Law(world)
        world.database.close()


REMADE_FOR_OTHERS = [
    ("fired", "a", "page", "pending"),
    ("rule", "r", 5),
    ("wait", 1.0),
    ("no_rule", "r"),
    ("rule", "r", 0),
]


@given(st.lists(QUIET, max_size=25))
@example(REMADE_FOR_OTHERS)
@pytest.mark.slow
def test_an_alert_is_open_if_and_only_if_its_condition_holds(steps: list[tuple[Any, ...]]) -> None:
    with law(repeat_s=100_000) as watched:
        for step in steps:
            watched.do(step)
        watched.end()
        watched.says_nothing_twice()


ENDED_AND_BACK = [
    ("fired", "a", "page", "pending"), ("rule", "s", 8), ("wait", 2.5), ("no_rule", "s"), ("wait", 0.5), ("rule", "s", 8),
]  # fmt: skip
MOVED_AND_GONE = [
    ("rule", "r", 8),
    ("fired", "a", "page", "pending"),
    ("wait", 1.0),
    ("rule", "r", 0),
    ("no_rule", "r"),
]


@given(st.lists(ROUGH, max_size=25))
@example(MOVED_AND_GONE)
@example(ENDED_AND_BACK)
@pytest.mark.slow
def test_it_is_so_also_when_clocks_jump_and_deliveries_die(steps: list[tuple[Any, ...]]) -> None:
    with law(repeat_s=20) as watched:
        for step in steps:
            watched.do(step)
        watched.end()
