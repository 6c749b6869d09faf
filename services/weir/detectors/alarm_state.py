"""AlarmState: turns "above the threshold, again and again" into one signal, and one clearance.

After a signal a level stays raised and silent until no part of it has been above its threshold for `clear_after`
monitored events in a row. While raised it cannot signal again: a change that lasts is one alarm, however many parts
join.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AlarmState:
    """`raised_index`: the event that raised it, 0 while it is not raised. `quiet_events`: since a part was last
    above.
    """

    raised_index: int = 0
    quiet_events: int = 0

    @property
    def raised(self) -> bool:
        """Whether the alarm is on."""
        return self.raised_index > 0


def advance(alarm: AlarmState, *, above: bool, index: int, clear_after: int) -> AlarmState:
    """The alarm state after the event `index` (from 1)."""
    if above:
        return AlarmState(alarm.raised_index or index, 0)
    if not alarm.raised:
        return alarm
    quiet = alarm.quiet_events + 1
    return AlarmState() if quiet >= clear_after else AlarmState(alarm.raised_index, quiet)
