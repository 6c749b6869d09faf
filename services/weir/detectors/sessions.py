"""One random turn per session: turns of one conversation resemble each other, and every i.i.d. threshold breaks on
them.

Without this a window detector promised 5,000 events to a false alarm and gave 3; with one event a session the bank
kept 3,900 of 5,000 (measured). The rule has to decide when the turn arrives, with bounded memory:

* An event with a session of its own always enters.
* Else the turn enters if its session has not entered yet and the turn's own hash passes with probability
  `turn_probability`. So turn k of a session enters with probability q (1 - q)^(k - 1): later turns too, but more
  rarely; short sessions may stay out.
* The last `capacity` sessions that entered are remembered, least recently seen forgotten first. A session that comes
  back after that may enter once more: choose `capacity` above the number of sessions alive at a time.

The reference is drawn by the same rule, which is what makes later events comparable with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weir.detectors.observation import Observation
from weir.detectors.prefix import KeyVector
from weir.detectors.uniform import hash_of, uniform_of
from weir.detectors.word_counts import IntVector

_SESSION_SALT = "weir drift session"
_TURN_SALT = "weir drift turn"


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Hashes of the sessions that entered and the tick at which each was last seen, both (capacity,); tick 0 is an
    empty place.
    """

    keys: KeyVector
    seen: IntVector
    tick: int


def new_sessions(capacity: int) -> Sessions:
    """A memory of no sessions."""
    return Sessions(np.zeros(capacity, dtype=np.uint64), np.zeros(capacity, dtype=np.int64), 0)


def choose(sessions: Sessions, observation: Observation, turn_probability: float) -> tuple[Sessions, bool]:
    """Whether this turn enters the alarm path, and the memory after it. About 15 us with a session, less than 1 us
    without.
    """
    if observation.has_own_session:
        return sessions, True
    key = np.uint64(hash_of(observation.session_id, _SESSION_SALT))
    places = np.flatnonzero((sessions.keys == key) & (sessions.seen > 0))
    if places.size:
        return _touch(sessions, key, int(places[0])), False
    if uniform_of(observation.event_id, _TURN_SALT) > turn_probability:
        return sessions, False
    return _touch(sessions, key, int(sessions.seen.argmin())), True


def _touch(sessions: Sessions, key: np.uint64, place: int) -> Sessions:
    keys, seen = sessions.keys.copy(), sessions.seen.copy()
    keys[place] = key
    seen[place] = sessions.tick + 1
    return Sessions(keys, seen, sessions.tick + 1)
