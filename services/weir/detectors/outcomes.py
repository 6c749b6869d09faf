"""Outcomes: what one event can lead to. The step that holds an outcome names the event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

AlarmLevel = Literal["warn", "page"]
"""How sure: a warning may be false once in `warn_arl_events`, a page once in `page_arl_events`."""


class Guarantee(StrEnum):
    """Where the error rate of a part comes from."""

    THEOREM = "e-detector bound, with a margin for one fixed reference"
    SIMULATION = "by simulation on the reference"


@dataclass(frozen=True, slots=True)
class Warming:
    """The event joined a reference that is not yet complete: `events` of `needed`."""

    events: int
    needed: int
    reference_version: int


@dataclass(frozen=True, slots=True)
class Frozen:
    """The reference is complete and monitoring begins. `inactive_parts` had too few
    scores, or scores that do not vary; in `constant_parts` all events are equal.
    """

    events: int
    reference_version: int
    inactive_parts: tuple[str, ...]
    constant_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """Something changed.

    `part` fired: a channel that leads the e-bank, or a scale of the mean EWMA; `direction` is how its scores moved
    (`higher`, `lower`, or `moved` for a mean). `statistic` passed `threshold`. `index` counts monitored events from 1;
    the change is estimated to have begun with event `since_index` at `since_time_us`. `example_event_ids`: events
    since then that speak most for the change, strongest first.
    """

    level: AlarmLevel
    part: str
    guarantee: Guarantee
    direction: str
    statistic: float
    threshold: float
    arl_events: float
    index: int
    since_index: int
    since_time_us: int
    example_event_ids: tuple[str, ...]
    reference_version: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """The alarm raised at `raised_index` has ended: no part was above its threshold for the settled number of
    events.
    """

    level: AlarmLevel
    index: int
    raised_index: int


Outcome = Warming | Frozen | Signal | Cleared
