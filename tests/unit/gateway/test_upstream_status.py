"""K2: what the model server's side says has one meaning, however large or odd it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.access.refusals import MESSAGE_CHARS_MAX
from weir.gateway.core.upstream_status import (
    INTERNAL,
    RESOURCE_EXHAUSTED,
    RETRY_AFTER_MAX_MS,
    retry_after_ms,
    upstream_status,
)


@given(st.text() | st.integers(min_value=0).map(str) | st.integers(1, 6_000).map(lambda digits: "9" * digits))
def test_any_text_asks_to_wait_a_bounded_time_or_for_nothing(text: str) -> None:
    asked_ms = retry_after_ms(text)

    assert asked_ms is None or 0 <= asked_ms <= RETRY_AFTER_MAX_MS


@pytest.mark.parametrize(
    ("text", "asked_ms"),
    [("0", 0), ("1500", 1_500), ("9" * 30, RETRY_AFTER_MAX_MS), ("9" * 400, None), ("-1", None), ("1.5", None),
     ("", None), ("٣", None), (" 1", None), ("1e3", None)],
)  # fmt: skip
def test_whole_milliseconds_are_taken(text: str, asked_ms: int | None) -> None:
    assert retry_after_ms(text) == asked_ms


@pytest.mark.parametrize(
    "details",
    [
        "Stream removed (CLIENT: Received message larger than max (20971561 vs. 16777216))",
        "CLIENT: Received message larger than max (20971561 vs. 16777216)",
        "Received message larger than max (20971561 vs. 16777216)",
        "Stream removed (received metadata size exceeds soft limit (15190 vs. 8192);  :status:42B)",
        "received trailing metadata size exceeds hard limit (value length 17000 vs. 16384)",
        "received initial metadata size exceeds limit",
    ],
)
def test_an_answer_that_was_not_taken_is_no_overload(details: str) -> None:
    status = upstream_status(RESOURCE_EXHAUSTED, details)

    assert status.code == INTERNAL
    assert "too large to be taken" in status.details
    assert upstream_status(INTERNAL, details).code == INTERNAL


@given(code=st.integers(0, 16), details=st.text())
def test_other_statuses_are_the_model_servers_own(code: int, details: str) -> None:
    status = upstream_status(code, details)

    assert (status.code, status.details) == (code, details)


@given(st.integers(0, 100_000).map(lambda length: "x" * length))
def test_details_that_are_told_are_short(details: str) -> None:
    assert len(upstream_status(3, details).client_details) <= MESSAGE_CHARS_MAX + 32
