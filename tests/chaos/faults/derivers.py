"""Alerts and inference die with what they know, and then are fed the log again: they say what they said, and no more."""

from __future__ import annotations

import signal
import time
from collections import Counter, defaultdict
from dataclasses import asdict, replace
from datetime import UTC, datetime

import numpy as np

from chaos.faults.consumers import replay
from chaos.faults.rules import (
    RULE,
    SOURCE,
    SUBJECTS,
    apply_edition,
    changes,
    send,
    states,
    summary,
    version_in_force,
)
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import row_of_calls
from harness.calls.callers import calling
from harness.kafka.log_reader import events_of
from harness.stack.running_stack import RunningStack
from harness.waiting import is_reached
from weir.events import FeatureItem, OpsState, TextFeaturesComputed
from weir.runtime.clock import now_us


def alerts_killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of alerts as its signals come, raised and cleared in turn; then they are fed to it again. Each signal is
    notified once, before and after."""
    began_us, since = now_us(), datetime.now(UTC)
    apply_edition(stack, 0)
    is_reached(lambda: version_in_force(stack) == summary(0))
    lives, problems = list[int](), list[str]()

    def turn(*, is_killed: bool) -> None:
        """All signals raised, then cleared; alerts must have heard both."""
        lives.append(now_us())
        turns: list[tuple[OpsState, str]] = [("raised", "firing"), ("cleared", "resolved")]
        for state, reached in turns:
            send(stack, lives[-1], state)
            if is_killed:
                stack.kill("alerts", signal.SIGKILL)
                stack.until_ready("alerts")
            if not is_reached(lambda reached=reached: states(stack)[reached] == SUBJECTS):  # type: ignore[misc]  # bound now
                problems.append(f"after {state}: {dict(states(stack))}")

    for _ in range(times):
        turn(is_killed=True)
    replay(stack, "alerts", "ops-signals", since)
    turn(is_killed=False)  # behind what was fed again: when it is heard, that was
    start_s, due = time.monotonic(), 2 * SUBJECTS * len(lives)
    is_reached(lambda: _stored(stack, lives, began_us)[1] >= 2 * due)
    notified = Counter(
        {event.event_id: event.state for event in changes(stack, began_us)}.values()
    )  # the log may repeat an id
    expected = {"firing": due // 2, "resolved": due // 2}
    problems += [] if notified == expected else [f"changes notified: {dict(notified)}, expected {expected}"]
    rows, distinct = _stored(stack, lives, began_us)
    return Row(
        "alerts killed",
        2 * times,
        2 * due,
        distinct,
        duplicates=rows - distinct,
        recovery_s=time.monotonic() - start_s,
        note=f"{due} signals, {due} changes of alerts; fed again from the log: nothing was notified twice",
        problem="; ".join(problems),
    )


def inference_killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of inference in calls; then the log is fed to it once more, and each call has the features that it had."""
    since = datetime.now(UTC)
    with calling(lambda: stack.gateway_grpc, pause_s=0.05) as calls:
        for _ in range(times):
            calls.more(20)
            stack.kill("inference", signal.SIGKILL)
        calls.more(20)
    row = row_of_calls(stack, "inference killed", times, calls.acknowledged)
    mine = set(calls.acknowledged)
    start_s = time.monotonic()
    is_reached(lambda: set(_features(stack, mine)) == mine)
    recovery_s = time.monotonic() - start_s
    before = {one: len(said) for one, said in _features(stack, mine).items()}
    replay(stack, "inference-features", "inference-responses", since)

    def is_said_again() -> bool:
        found = _features(stack, mine)
        return all(len(found[one]) > count for one, count in before.items())

    problems = [] if is_reached(is_said_again) else ["the replay did not say every feature again"]
    after = _features(stack, mine)
    changed = sum(any(not _is_same(one, said[0]) for one in said) for said in after.values())
    problems += [f"{changed} features changed in the replay"] if changed else []
    rows, distinct = _stored_features(stack, mine)
    return replace(
        row,
        acknowledged=row.acknowledged + len(mine),
        stored=row.stored + distinct,
        duplicates=row.duplicates + rows - distinct,
        recovery_s=max(row.recovery_s, recovery_s),
        note=f"{calls.refused} calls failed visibly; said again from the log: the same features of {len(mine)} calls",
        problem="; ".join(problems),
    )


def _stored(stack: RunningStack, lives: list[int], since_us: int) -> tuple[int, int]:
    """Rows and distinct events of the signals that were sent and of the changes that they made."""
    epochs = ",".join(map(str, lives))
    counted = "SELECT count(), uniqExact(event_id) FROM"
    ((signals, one),) = stack.sql(f"{counted} v_ops_signals WHERE source = '{SOURCE}' AND boot_epoch IN ({epochs})")
    where = f"rule = '{RULE}' AND event_time_us >= {since_us}"
    ((notified, other),) = stack.sql(f"{counted} v_alerts WHERE {where}")
    return int(signals) + int(notified), int(one) + int(other)


def _features(stack: RunningStack, request_ids: set[str]) -> dict[str, list[FeatureItem]]:
    """By call, each time its features were said; a batch that is cut elsewhere has other envelopes, and the same items."""
    said = defaultdict[str, list[FeatureItem]](list)
    for _, _, event in events_of(stack, "text-features"):
        if isinstance(event, TextFeaturesComputed):
            for item in event.items:
                if item.request_id in request_ids:
                    said[item.request_id].append(item)
    return dict(said)


def _is_same(said: FeatureItem, first: FeatureItem) -> bool:
    """Whether two items say the same; a batch that is cut elsewhere may add up an embedding in another order."""
    one, other = asdict(said), asdict(first)
    pairs = [(one[text].pop("embedding"), other[text].pop("embedding")) for text in ("prompt", "answer")]
    return one == other and all(len(a) == len(b) and np.allclose(a, b, atol=1e-5) for a, b in pairs)


def _stored_features(stack: RunningStack, request_ids: set[str]) -> tuple[int, int]:
    """Rows and distinct calls in the store's view of features, once all are there."""
    quoted = ",".join(f"'{one}'" for one in sorted(request_ids))
    query = f"SELECT count(), uniqExact(request_id) FROM v_text_features WHERE request_id IN ({quoted})"
    is_reached(lambda: int(stack.sql(query)[0][1]) >= len(request_ids))
    ((rows, distinct),) = stack.sql(query)
    return int(rows), int(distinct)
