"""Clock: how far event time has come on the topic of calls.

Calls come over several partitions, each in its own order. The mark is the time up to which every partition was heard that said
something lately. A partition on which nothing comes moves on with the processing clock, so an idle topic passes time too. While
a backlog is read little processing time passes, so events alone move the mark. A call that ended later than now, by a clock
that is ahead, counts as now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

WAIT_US = 30_000_000
"""How long a partition is waited for on which nothing comes, microseconds: a reader that works through a backlog comes back to
each of its partitions within seconds."""


@dataclass(frozen=True, slots=True)
class Heard:
    """newest_us: newest event time of a partition. at_us: when it was heard last, by the processing clock. Microseconds since
    1970-01-01 UTC."""

    newest_us: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Clock:
    """mark_us: microseconds since 1970-01-01 UTC, 0 while nothing was heard. heard: by number of the partition."""

    mark_us: int = 0
    heard: Mapping[int, Heard] = field(default_factory=dict)

    def boundary_us(self, window_us: int, pane_us: int) -> int:
        """End of the newest pane that is over. A partition that is a whole window behind the newest is waited for no longer,
        so that what is kept stays within two windows."""
        newest_us = max((one.newest_us for one in self.heard.values()), default=0)
        return max(self.mark_us, newest_us - window_us) // pane_us * pane_us


def hear(clock: Clock, partition: int, time_us: int, at_us: int) -> Clock:
    """The clock after an event of a partition. at_us: the processing clock."""
    before = clock.heard.get(partition)
    newest_us = max(min(time_us, at_us), before.newest_us if before else 0)
    return pass_time(replace(clock, heard={**clock.heard, partition: Heard(newest_us, at_us)}), at_us)


def pass_time(clock: Clock, at_us: int) -> Clock:
    """The clock at a time of the processing clock; the mark never goes back."""
    if not clock.heard:
        return clock
    times_us = [
        one.newest_us + max(0, at_us - one.at_us) for one in clock.heard.values() if at_us - one.at_us < WAIT_US
    ]
    idle_us = max(one.newest_us + max(0, at_us - one.at_us) for one in clock.heard.values())
    mark_us = max(clock.mark_us, min(*times_us, idle_us, at_us))
    return replace(clock, mark_us=mark_us) if mark_us != clock.mark_us else clock


def start_again(mark_us: int, newest_us: Mapping[int, int], at_us: int) -> Clock:
    """The clock of a process that begins: what passed while there was none is no idle time, a backlog may wait."""
    mark_us = min(mark_us, at_us)
    heard = {number: Heard(max(mark_us, min(time_us, at_us)), at_us) for number, time_us in newest_us.items()}
    return Clock(mark_us, heard)
