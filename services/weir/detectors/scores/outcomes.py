"""Outcomes: what one score or anchor can lead to. Facts for the application to publish."""

from __future__ import annotations

from dataclasses import dataclass

from weir.detectors.outcomes import AlarmLevel
from weir.detectors.scores.trial import Verdict


@dataclass(frozen=True, slots=True)
class Warming:
    """The first score of a reference of `needed` arrived."""

    needed: int


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The reference is complete: `bad` of `count` scores were bad."""

    bad: int
    count: int


@dataclass(frozen=True, slots=True)
class Fired:
    """The share of bad scores rose. `verdict` is None while the anchors are being heard.

    `is_update`: the alarm was given before, and now the verdict is known. `since_index`, `since_time_us`: score at which
    the change is estimated to have begun, and its event time.
    """

    level: AlarmLevel
    verdict: Verdict | None
    statistic: float
    threshold: float
    since_index: int
    since_time_us: int
    is_update: bool


@dataclass(frozen=True, slots=True)
class Cleared:
    """The alarm of `level` ended."""

    level: AlarmLevel


@dataclass(frozen=True, slots=True)
class JudgeFired:
    """The judge scores the anchors otherwise than it used to; `direction` is stricter or laxer."""

    direction: str
    statistic: float
    threshold: float


@dataclass(frozen=True, slots=True)
class JudgeCleared:
    """It scores them as it used to again."""


Outcome = Warming | Monitoring | Fired | Cleared | JudgeFired | JudgeCleared
