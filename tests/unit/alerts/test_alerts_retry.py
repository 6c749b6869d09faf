"""Retry: only 2xx and 410 end a delivery, anything else is tried for the stated time; pauses stay inside their bounds."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.samples.builders import NOON_US
from weir.alerts.core.retry import Answer, Policy, Verdict, judge, pause_s
from weir.alerts.core.retry_after import ASKED_MAX_S, retry_after_s

POLICY = Policy(give_up_s=3_600.0, base_s=0.5, max_s=60.0)


@pytest.mark.capability("U6")
@given(st.integers(0, 999))
def test_all_but_success_and_gone_is_tried_again(status: int) -> None:
    verdict = judge(Answer(status), 0.0, POLICY)

    expected = {200 <= status < 300: Verdict.DELIVERED, status == 410: Verdict.GONE}.get(True, Verdict.AGAIN)
    assert verdict is expected


def test_a_delivery_is_dead_after_the_stated_time_and_not_before() -> None:
    assert judge(Answer(404), 3_599.0, POLICY) is Verdict.AGAIN
    assert judge(Answer(404), 3_600.0, POLICY) is Verdict.DEAD


@given(st.floats(0, 1))
def test_the_tries_of_a_delivery_last_the_stated_time(chance: float) -> None:
    waited_s, attempts = 0.0, 1
    while judge(Answer(404), waited_s, POLICY) is Verdict.AGAIN:
        waited_s += pause_s(Answer(404), attempts, POLICY, chance)
        attempts += 1

    assert 3_600.0 <= waited_s <= 3_660.0
    assert attempts <= 200


@given(st.integers(1, 2_000), st.floats(0, 1), st.floats(0, 1e9))
def test_a_pause_grows_is_bounded_and_never_shorter_than_asked(attempts: int, chance: float, asked_s: float) -> None:
    pause = pause_s(Answer(503, retry_after_s=asked_s), attempts, POLICY, chance)
    plain = min(60.0, 0.5 * 2.0 ** min(attempts - 1, 1_000))

    assert plain / 2 <= pause <= 60.0
    assert pause >= min(asked_s, 60.0)


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Fri", "", "x"]),
    st.integers(-1, 10**20),
    st.sampled_from(["Dec", "Jan", "13", ""]),
    st.integers(-1, 10**6),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.integers(-1, 10**12),
    st.sampled_from(["GMT", "-9999", "+2359", "", "x", "-0000"]),
)


@pytest.mark.slow
@given(st.text() | DATES)
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("9" * 64)
@example("٥٠٣")
def test_every_retry_after_has_a_meaning(text: str) -> None:
    assert 0.0 <= retry_after_s(text, NOON_US) <= ASKED_MAX_S


@pytest.mark.parametrize(
    ("text", "asked_s"),
    [
        ("7", 7.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", ASKED_MAX_S),
        ("99999999", ASKED_MAX_S),
        ("-5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
    ],
)
def test_what_a_receiver_asks_for(text: str, asked_s: float) -> None:
    assert retry_after_s(text, NOON_US) == asked_s
