"""An alarm state signals once and clears after quiet events in a row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.detectors.alarm_state import AlarmState, advance


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_raised_until_quiet_for_long_enough(readings: list[bool], clear_after: int) -> None:
    alarm = AlarmState()
    for index, above in enumerate(readings, start=1):
        alarm = advance(alarm, above=above, index=index, clear_after=clear_after)
        assert alarm.raised == any(readings[max(0, index - clear_after) : index])


def test_it_remembers_when_it_was_raised() -> None:
    alarm = AlarmState()
    for index, above in enumerate([False, True, False, True], start=1):
        alarm = advance(alarm, above=above, index=index, clear_after=2)
    assert alarm == AlarmState(raised_index=2, quiet_events=0)
