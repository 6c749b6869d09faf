"""Settings that would make the promise void are refused by name."""

from __future__ import annotations

import pytest

from weir.detectors.settings import BankSettings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warn_arl_events": 0.5}, "warn_arl_events is 0.5"),
        ({"page_arl_events": 8_000.0}, "page_arl_events 8000.0"),
        ({"min_reference_events": 10}, "50 or more"),
        ({"min_reference_events": 3_000}, "expected this order"),
        ({"max_reference_events": 1_500}, "expected this order"),
        ({"turn_probability": 0.0}, "turn_probability is 0.0"),
        ({"turn_probability": 1.1}, "turn_probability is 1.1"),
        ({"session_capacity": 0}, "session_capacity is 0"),
        ({"clear_after_events": 0}, "clear_after_events 0"),
    ],
)
def test_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BankSettings(**changes)  # type: ignore[arg-type]  # wrong values on purpose


def test_defaults_are_the_published_ones() -> None:
    settings = BankSettings()
    assert (settings.warn_arl_events, settings.page_arl_events) == (5_000.0, 100_000.0)
    assert (settings.min_reference_events, settings.reference_events) == (1_000, 2_000)
