"""Retry: the verdict on every answer, and pauses that stay inside their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.alerts.core.retry import Answer, Policy, Verdict, judge, pause_s

POLICY = Policy(tries_max=5, base_s=0.5, max_s=60.0)


@pytest.mark.capability("U6")
@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (204, Verdict.DELIVERED),
        (0, Verdict.AGAIN),
        (408, Verdict.AGAIN),
        (429, Verdict.AGAIN),
        (500, Verdict.AGAIN),
        (503, Verdict.AGAIN),
        (410, Verdict.GONE),
        (400, Verdict.DEAD),
        (401, Verdict.DEAD),
        (404, Verdict.DEAD),
        (301, Verdict.DEAD),
        (302, Verdict.DEAD),
        (100, Verdict.DEAD),
    ],
)
def test_each_answer_has_its_verdict(status: int, verdict: Verdict) -> None:
    assert judge(Answer(status), 1, POLICY) is verdict


def test_the_last_try_is_the_last() -> None:
    assert judge(Answer(503), 4, POLICY) is Verdict.AGAIN
    assert judge(Answer(503), 5, POLICY) is Verdict.DEAD


def test_an_address_that_may_not_be_called_is_not_tried_again() -> None:
    assert judge(Answer(0, is_refused=True), 1, POLICY) is Verdict.DEAD


@given(st.integers(1, 2_000), st.floats(0, 1), st.floats(0, 1e9))
def test_a_pause_grows_is_bounded_and_never_shorter_than_asked(tries: int, chance: float, asked_s: float) -> None:
    pause = pause_s(Answer(503, retry_after_s=asked_s), tries, POLICY, chance)
    plain = min(60.0, 0.5 * 2.0 ** min(tries - 1, 1_000))

    assert plain / 2 <= pause <= 60.0
    assert pause >= min(asked_s, 60.0)
