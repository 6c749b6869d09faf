"""Sample: which scores may bet. A uniform base sample, and one turn a session, decided by hashes.

The bound needs scores that are drawn without looking at what they say. Calls judged with a higher probability because
they looked interesting are thinned back: a score with probability p enters with chance base / p, decided by a hash of
its id, so that every call enters with the same chance `base`. Thinning rather than weighting by 1 / p, because a bet on
a weighted score would have to be bounded by the largest weight and lose its power. `base` is the smallest probability
seen on the stream; below `PROBABILITY_MIN` a score is left out rather than thinning all others to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weir.detectors.scores.memory import holds, remembered
from weir.detectors.scores.score import Score
from weir.detectors.uniform import uniform_of

PROBABILITY_MIN = 0.02
"""Least inclusion probability that enters (from the design of the sampler: it never goes below)."""

_EVENT_SALT = "weir quality event"
_SESSION_SALT = "weir quality session"
_TURN_SALT = "weir quality turn"
_THIN_SALT = "weir quality thin"


@dataclass(frozen=True, slots=True)
class Sample:
    """base: smallest inclusion probability so far. events, sessions: packed memories of what was counted."""

    base: float = 1.0
    events: bytes = b""
    sessions: bytes = b""


def chosen(sample: Sample, score: Score, turn_probability: float, capacity: int) -> tuple[Sample, str]:
    """The memory after `score`, and why it may not bet: seen, rare, thinned, session, or empty when it may."""
    if holds(sample.events, score.event_id, _EVENT_SALT):
        return sample, "seen"
    sample = replace(sample, events=remembered(sample.events, score.event_id, _EVENT_SALT, capacity))
    if score.inclusion_probability < PROBABILITY_MIN:
        return sample, "rare"
    sample = replace(sample, base=min(sample.base, score.inclusion_probability))
    if uniform_of(score.event_id, _THIN_SALT) > sample.base / score.inclusion_probability:
        return sample, "thinned"
    return _of_session(sample, score, turn_probability, capacity)


def _of_session(sample: Sample, score: Score, turn_probability: float, capacity: int) -> tuple[Sample, str]:
    """The rule of `detectors.sessions`: each turn of a session that has not entered yet enters with `turn_probability`."""
    if score.has_own_session:
        return sample, ""
    if holds(sample.sessions, score.session_id, _SESSION_SALT):
        return sample, "session"
    if uniform_of(score.event_id, _TURN_SALT) > turn_probability:
        return sample, "session"
    return replace(sample, sessions=remembered(sample.sessions, score.session_id, _SESSION_SALT, capacity)), ""
