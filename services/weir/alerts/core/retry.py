"""Retry: what a receiver's answer means for a delivery.

2xx                         delivered
5xx, 408, 429, no answer    again, later each time, until the tries are used up; Retry-After is obeyed
410                         the receiver is gone: dead, and the receiver is switched off
any other answer            dead at once: the same bytes would be refused again
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RETRIED = (408, 429)
"""Answers below 500 that a later try may change, specified by HTTP."""

DOUBLINGS_MAX = 1_000
"""Doublings computed at most; beyond it the longest pause was reached long ago and a float would overflow."""

GONE = 410
"""Answer of a receiver that wants no more, specified by Standard Webhooks."""

DOUBLINGS_MAX = 32
"""Doublings of a pause that are counted. Chosen: any base is beyond any longest pause by then."""


class Verdict(StrEnum):
    """What becomes of a delivery after a try."""

    DELIVERED = "delivered"
    AGAIN = "again"
    DEAD = "dead"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Policy:
    """Tries at most, and the pauses between them, seconds: base doubling up to max."""

    tries_max: int
    base_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one try. status: HTTP status, 0 for none. error: why there was none. retry_after_s: what the
    receiver asked for, 0 for nothing. is_refused: never sent, because its address may not be called."""

    status: int
    error: str = ""
    retry_after_s: float = 0.0
    latency_ms: float = 0.0
    is_refused: bool = False


def judge(answer: Answer, tries: int, policy: Policy) -> Verdict:
    """The verdict after a try. tries: how many there were, this one included."""
    if 200 <= answer.status < 300:
        return Verdict.DELIVERED
    if answer.status == GONE:
        return Verdict.GONE
    is_hopeless = 0 < answer.status < 500 and answer.status not in RETRIED
    return Verdict.DEAD if is_hopeless or answer.is_refused or tries >= policy.tries_max else Verdict.AGAIN


def pause_s(answer: Answer, tries: int, policy: Policy, chance: float) -> float:
    """Seconds to the next try: exponential, with the upper half left to chance, so that receivers are not hit in step.

    chance: a number from 0 to 1. A Retry-After is obeyed where it is longer, up to the longest pause.
    """
    longest = min(policy.max_s, policy.base_s * 2.0 ** min(tries - 1, DOUBLINGS_MAX))
    return max(longest * (0.5 + 0.5 * chance), min(answer.retry_after_s, policy.max_s))
