"""Evaluator and drift die with what they know: what they say is what a recomputation of the log says, id by id."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import subprocess
import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import yaml

from chaos.drift_load import DriftLoad
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import row_of_calls
from harness.calls.callers import calling
from harness.kafka.log_reader import events_of
from harness.stack.running_stack import RunningStack
from harness.waiting import RECOVER_WITHIN_S, eventually, is_reached, lasts
from weir.cli.commands_log import SERVICES
from weir.cli.stack.layout import repository
from weir.drift.core.stream.signals import DETECTOR
from weir.events import DriftSignalled, EvaluationScored

TOPICS_OF_EVALUATOR = ("inference-responses", "text-features")
EVALUATORS = repository() / "examples" / "registry" / "evaluators.yaml"
NUMBERING = ("source", "boot_epoch", "seq")
"""Who said it and when; everything else of an event derives from its cause."""


def evaluator_killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of the evaluator in calls; then the log is fed to it once more, and it says the same under the same ids."""
    since = datetime.now(UTC)
    with calling(lambda: stack.gateway_grpc, pause_s=0.05) as calls:
        for _ in range(times):
            calls.more(30)
            stack.kill("evaluator", signal.SIGKILL)
        calls.more(30)
    row = row_of_calls(stack, "evaluator killed", times, calls.acknowledged)
    mine = set(calls.acknowledged)
    start_s = time.monotonic()
    is_scored = is_reached(lambda: _is_scored(_scores(stack, mine), len(mine)))
    recovery_s = time.monotonic() - start_s
    before = _scores(stack, mine)
    for topic in TOPICS_OF_EVALUATOR:
        replay(stack, "evaluator", topic, since)
    is_said_again = is_reached(lambda: min(map(len, _scores(stack, mine).values()), default=0) >= 2)
    after = _scores(stack, mine)
    due = len(mine) * len(_due())
    problems = [] if is_scored else [f"{len(before)} of {due} scores before the replay"]
    problems += [] if is_said_again else ["the replay did not say every score again"]
    problems += [] if set(before) == set(after) else ["the replay has other ids"]
    changed = sum(len(set(said)) > 1 for said in after.values())
    problems += [f"{changed} scores changed in the replay"] if changed else []
    rows, distinct = _stored_scores(stack, after)
    return replace(
        row,
        acknowledged=row.acknowledged + due,
        stored=row.stored + distinct,
        duplicates=row.duplicates + rows - distinct,
        recovery_s=max(row.recovery_s, recovery_s),
        note=f"{due} scores due; said again from the log: the same ids, the same scores",
        problem="; ".join(problems),
    )


def _scores(stack: RunningStack, request_ids: set[str]) -> dict[str, list[tuple[str, str]]]:
    """By event id, each time it was said: the evaluator and the content."""
    said = defaultdict[str, list[tuple[str, str]]](list)
    for _, _, event in events_of(stack, "evaluation-scores"):
        if isinstance(event, EvaluationScored) and event.request_id in request_ids:
            said[event.event_id].append((event.evaluator, _content(event.as_record())))
    return dict(said)


def _is_scored(scores: dict[str, list[tuple[str, str]]], calls: int) -> bool:
    """Whether every evaluator has scored every call. Those that need features come later than the others."""
    names = {name for said in scores.values() for name, _ in said}
    return names >= _due() and len(scores) >= calls * len(names)


def _due() -> set[str]:
    """Evaluators of the examples that score every call: all but the one that waits for people."""
    documents = yaml.safe_load_all(EVALUATORS.read_text())
    return {str(one["name"]) for one in documents if one["spec"]["type"] != "feedback"}


def _content(record: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in record.items() if name not in NUMBERING}, default=str)


def _stored_scores(stack: RunningStack, scores: dict[str, list[tuple[str, str]]]) -> tuple[int, int]:
    """Rows and distinct ids in the store, once all are there."""
    ids = sorted(scores)

    def counted() -> tuple[int, int]:
        rows = distinct = 0
        for start in range(0, len(ids), 200):
            quoted = ",".join(f"'{one}'" for one in ids[start : start + 200])
            query = f"SELECT count(), uniqExact(event_id) FROM v_evaluation_scores WHERE event_id IN ({quoted})"
            ((found, unique),) = stack.sql(query)
            rows, distinct = rows + int(found), distinct + int(unique)
        return rows, distinct

    is_reached(lambda: counted()[1] >= len(ids))
    return counted()


def replay(stack: RunningStack, group: str, topic: str, since: datetime) -> None:
    """`weir events replay`, as an operator types it."""
    command = [str(repository() / ".venv" / "bin" / "weir"), "events", "replay", "--group", group, "--topic", topic]
    done = subprocess.run(
        [*command, "--since", since.isoformat(), "--json"],
        env={"WEIR_HOME": str(stack.home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    stack.until_ready(SERVICES[group], within_s=RECOVER_WITHIN_S)


def drift_killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of drift while it warms up, watches and raises the alarm: signals are those of a fresh computation."""
    load = DriftLoad(stack)
    portion = math.ceil(len(load.envelopes) / (times + 1))
    for start in range(0, len(load.envelopes), portion):
        load.send(load.envelopes[start : start + portion])
        lasts(0.5)
        stack.kill("drift", signal.SIGKILL)
    start_s = time.monotonic()
    expected = asyncio.run(load.recomputed())
    last = max(expected.values(), key=lambda one: one.event_index).event_id
    eventually(lambda: last in _signals(stack, load.tenant), within_s=RECOVER_WITHIN_S, what="drift's last signal")
    recovery_s = time.monotonic() - start_s
    said = _signals(stack, load.tenant)
    rows, distinct = _stored_signals(stack, load.tenant, len(expected))
    differing = sum(not _is_same(said[one], expected[one]) for one in set(said) & set(expected))
    problems = [] if set(said) == set(expected) else [f"ids differ: {len(set(said) ^ set(expected))}"]
    problems += [f"{differing} signals differ from the recomputation"] if differing else []
    states = sorted({f"{one.state} {one.level}".strip() for one in expected.values()})
    return Row(
        "drift killed",
        times + 1,
        len(expected),
        distinct,
        duplicates=rows - distinct,
        recovery_s=recovery_s,
        note=f"signals ({', '.join(states)}) equal the recomputation of {len(load.envelopes)} envelopes",
        problem="; ".join(problems),
    )


def _signals(stack: RunningStack, tenant: str) -> dict[str, DriftSignalled]:
    """What the bank said; the alarms on how calls end are another application's, over the same events."""
    return {
        event.event_id: event
        for _, _, event in events_of(stack, "drift-signals")
        if isinstance(event, DriftSignalled) and event.tenant == tenant and event.detector == DETECTOR
    }


def _stored_signals(stack: RunningStack, tenant: str, count: int) -> tuple[int, int]:
    where = f"tenant = '{tenant}' AND detector = '{DETECTOR}'"
    query = f"SELECT count(), uniqExact(event_id) FROM v_drift_signals WHERE {where}"
    is_reached(lambda: int(stack.sql(query)[0][1]) >= count)
    ((rows, distinct),) = stack.sql(query)
    return int(rows), int(distinct)


def _is_same(said: DriftSignalled, expected: DriftSignalled) -> bool:
    """Whether two signals say the same; numbers may differ in their last bits, for sums are taken in another order."""
    one, other = said.as_record(), expected.as_record()
    return all(
        math.isclose(value, other[name], rel_tol=1e-6) if isinstance(value, float) else value == other[name]
        for name, value in one.items()
        if name not in NUMBERING
    )
