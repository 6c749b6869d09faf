"""Series: one group of a rule over calls; its key is that of its alert."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from weir.alerts.core.rule import Rule
from weir.alerts.core.state import key_of
from weir.assets.call_condition import CallCondition
from weir.events import canonical_json


@dataclass(frozen=True, slots=True)
class Series:
    """definition: of what its panes hold. identity: the group. newest_us: newest call. unknown_since_us: since when what is
    measured is not known, 0 while it is. since_us: since when the group is watched, 0 for longer than anybody knows. All are
    microseconds of event time."""

    rule: str
    definition: str
    identity: Mapping[str, str]
    newest_us: int = 0
    unknown_since_us: int = 0
    since_us: int = 0

    def heard(self, time_us: int, mark_us: int) -> Series:
        """The series after a call at this time, with the mark of the clock there; the first one begins it."""
        is_first = not self.newest_us and not self.since_us
        since_us = max(time_us, mark_us) if is_first else self.since_us
        return replace(self, newest_us=max(self.newest_us, time_us), since_us=since_us)

    @property
    def key(self) -> str:
        """Name of the series and of its alert."""
        return key_of(self.rule, self.identity)


def definition_of(rule: Rule) -> str:
    """Hash of what the panes of a rule hold: with another threshold they stay, with another measure they begin anew."""
    condition = condition_of(rule)
    said = [condition.measure, condition.window_s, condition.short_window_s, sorted(condition.by)]
    selected = sorted((name, sorted(accepted)) for name, accepted in rule.match.items())
    return hashlib.sha256(canonical_json([said, selected]).encode()).hexdigest()[:16]


def condition_of(rule: Rule) -> CallCondition:
    """The condition of a rule over calls."""
    assert rule.calls is not None, "a rule over calls has one"
    return rule.calls


def series_record(series: Series) -> dict[str, Any]:
    """A series as plain data."""
    return asdict(series)


def series_from(record: Mapping[str, Any]) -> Series:
    """The series of a record. Raises KeyError, TypeError or ValueError for one that is none."""
    series = Series(**record)
    if not all(isinstance(one, str) for pair in series.identity.items() for one in pair):
        raise TypeError("a group has a label that is no text")
    if not all(isinstance(one, int) for one in (series.newest_us, series.unknown_since_us, series.since_us)):
        raise TypeError("a time is no whole number")
    return series
