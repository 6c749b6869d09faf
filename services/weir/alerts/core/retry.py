"""Retry: what a receiver's answer means for a delivery.

The rule: nothing that a receiver says is more than a failed try. Only two answers end a delivery at once:

2xx             delivered
410             the receiver wants no more: dead, and the receiver is switched off
anything else   again, later each time, until it was tried for `give_up_s`; Retry-After is obeyed within bounds

Specified by Standard Webhooks: a receiver that is being deployed answers 404, 403, 301 or 400 for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GONE = 410
"""Answer of a receiver that wants no more, specified by Standard Webhooks."""

DOUBLINGS_MAX = 32
"""Doublings of a pause that are counted. Any base is beyond any longest pause by then, and a float is far from its end."""


class Verdict(StrEnum):
    """What becomes of a delivery after a try."""

    DELIVERED = "delivered"
    AGAIN = "again"
    DEAD = "dead"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a delivery is tried, and the pauses between its tries, seconds: base doubling up to max."""

    give_up_s: float
    base_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one try. status: HTTP status, 0 for none. error: why there was none. retry_after_s: what the
    receiver asked for, 0 for nothing."""

    status: int
    error: str = ""
    retry_after_s: float = 0.0
    latency_ms: float = 0.0


def judge(answer: Answer, waited_s: float, policy: Policy) -> Verdict:
    """The verdict after a try. waited_s: sum of the pauses before this try; not the difference of two clock times, so a
    clock that jumps cannot end a delivery early by more than the one pause it jumped over."""
    if 200 <= answer.status < 300:
        return Verdict.DELIVERED
    if answer.status == GONE:
        return Verdict.GONE
    return Verdict.DEAD if waited_s >= policy.give_up_s else Verdict.AGAIN


def pause_s(answer: Answer, attempts: int, policy: Policy, chance: float) -> float:
    """Seconds to the next try: exponential, with the upper half left to chance, so that receivers are not hit in step.

    attempts: tries so far, at least 1. chance: a number from 0 to 1. A Retry-After is obeyed where it is longer, up to
    the longest pause.
    """
    longest = min(policy.max_s, policy.base_s * 2.0 ** min(attempts - 1, DOUBLINGS_MAX))
    return max(longest * (0.5 + 0.5 * chance), min(answer.retry_after_s, policy.max_s))
