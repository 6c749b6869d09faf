"""Call memory: the windows of calls as the database holds them, and what one batch or tick changes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import TypeVar

from weir.alerts.adapters.metrics import CALL_SERIES, CALLS_MARK, CALLS_REMEMBERED
from weir.alerts.core.calls.clock import Clock
from weir.alerts.core.calls.pane import Pane
from weir.alerts.core.calls.series import Series

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(slots=True)
class CallMemory:
    """series by key; panes by key of the series and start, microseconds; ids of calls, oldest first; evaluated: by name and
    digest of a rule, the boundary of its last evaluation in this process."""

    series: dict[str, Series] = field(default_factory=dict)
    panes: dict[str, dict[int, Pane]] = field(default_factory=dict)
    ids: dict[str, None] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    evaluated: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class CallDraft:
    """Changes over a memory; None takes a series or a pane away."""

    memory: CallMemory
    clock: Clock
    series: dict[str, Series | None] = field(default_factory=dict)
    panes: dict[tuple[str, int], Pane | None] = field(default_factory=dict)
    ids: dict[str, None] = field(default_factory=dict)
    evaluated: dict[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write. The clock alone is not written: it is found again from the log."""
        return not (self.series or self.panes or self.ids)

    def has_seen(self, event_id: str) -> bool:
        """Whether a call was counted before."""
        return event_id in self.ids or event_id in self.memory.ids

    def evaluated_us(self, version: str) -> int:
        """The boundary of the last evaluation of a version of a rule, microseconds; 0 for none."""
        return self.evaluated.get(version, self.memory.evaluated.get(version, 0))

    def forget_versions(self, known: Set[str]) -> None:
        """Forget evaluations of versions that are in force no more; nothing of it is stored."""
        self.memory.evaluated = {name: at_us for name, at_us in self.memory.evaluated.items() if name in known}

    def find(self, key: str) -> Series | None:
        """A series as this draft has it."""
        return self.series[key] if key in self.series else self.memory.series.get(key)

    def all_series(self) -> Iterator[Series]:
        """Every series as this draft has it."""
        for key in [*self.memory.series, *(key for key in self.series if key not in self.memory.series)]:
            found = self.find(key)
            if found is not None:
                yield found

    @property
    def series_count(self) -> int:
        """Series kept, with those that this draft takes away."""
        return len(self.memory.series.keys() | self.series.keys())

    def panes_of(self, key: str) -> Mapping[int, Pane]:
        """The panes of a series by start."""
        changed = {start_us: pane for (name, start_us), pane in self.panes.items() if name == key}
        whole = {**self.memory.panes.get(key, {}), **changed}
        return {start_us: pane for start_us, pane in whole.items() if pane is not None}

    def pane(self, key: str, start_us: int) -> Pane:
        """The pane of a series that may be changed: a copy of the one in memory, or a new one."""
        found = self.panes.get((key, start_us))
        if found is None:
            kept = self.memory.panes.get(key, {}).get(start_us) if (key, start_us) not in self.panes else None
            found = self.panes[key, start_us] = kept.copy() if kept else Pane()
        return found

    def drop(self, key: str) -> None:
        """Take a series and its panes away."""
        self.series[key] = None
        for start_us in self.panes_of(key):
            self.panes[key, start_us] = None

    def keep(self, ids_max: int) -> None:
        """Take all of it into memory: it is on disk. ids_max: ids kept."""
        self.keep_time()
        for key, series in self.series.items():
            _put(self.memory.series, key, series)
        for (key, start_us), pane in self.panes.items():
            panes = self.memory.panes.setdefault(key, {})
            _put(panes, start_us, pane)
            if not panes:
                del self.memory.panes[key]
        self.memory.ids.update(self.ids)
        while len(self.memory.ids) > ids_max:
            del self.memory.ids[next(iter(self.memory.ids))]
        CALL_SERIES.set(len(self.memory.series))
        CALLS_REMEMBERED.set(len(self.memory.ids))

    def keep_time(self) -> None:
        """Take into memory how far time has come."""
        self.memory.clock = self.clock
        self.memory.evaluated.update(self.evaluated)
        CALLS_MARK.set(self.clock.mark_us / 1_000_000)


def _put(into: dict[Key, Value], key: Key, value: Value | None) -> None:
    if value is None:
        into.pop(key, None)
    else:
        into[key] = value
