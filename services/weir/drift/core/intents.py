"""New intents: novel texts gathered into clusters as they arrive, so that an alarm can name what is new.

Only events that the kNN channel finds novel (p at most `NOVEL_P`) come here; a few per cent of normal traffic do too, so
a cluster is no alarm: its growth makes it worth reading. Leader clustering: an event joins the nearest cluster when its
cosine similarity to the centre is at least `SIMILARITY`, else it begins one of its own. The bank alarms; this explains.

Bounds: `INTENTS_MAX` clusters, the one with the least recent weight forgotten first; `INTENT_WORDS_MAX` words and
`INTENT_EXAMPLES` request ids each. About 2 kB a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from weir.detectors.observation import FloatVector

NOVEL_P = 0.03
"""Largest p-value of novelty that counts as novel (from the study: 3 % of normal traffic)."""

SIMILARITY = 0.3
"""Least cosine similarity to the centre of a cluster to join it. Measured: a narrow intent of 22 events stayed one cluster
with nothing else in it at 0.25 to 0.35, and fell into three at 0.4 to 0.6.
"""

INTENTS_MAX = 32
INTENT_WORDS_MAX = 64
INTENT_EXAMPLES = 5
FAST_EVENTS, SLOW_EVENTS = 100.0, 1_000.0
"""Memories, in events, of the rate now and of the rate before (chosen: a factor of ten apart, so that the slow one is
the history of the fast one)."""


@dataclass(frozen=True, slots=True, eq=False)
class Intent:
    """A cluster of `events` novel events, number `number` since the reference began.

    `centre` (d,): of length 1. `fast`, `slow`: exponentially forgotten counts as of the monitored event `last_index`.
    `words`: how many of its texts hold each word. `request_ids`: the latest, oldest first.
    """

    number: int
    centre: FloatVector
    events: int
    fast: float
    slow: float
    first_index: int
    first_us: int
    last_index: int
    words: Mapping[str, int]
    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Intents:
    """The clusters in order of their numbers; `begun` counts those there ever were."""

    clusters: tuple[Intent, ...] = field(default=())
    begun: int = 0


def joined(
    intents: Intents, embedding: FloatVector, words: Sequence[str], *, request_id: str, index: int, time_us: int
) -> Intents:
    """The clusters after one novel event. `words`: distinct. About 40 us with 32 clusters."""
    similarity = [float(one.centre @ embedding) for one in intents.clusters]
    nearest = int(np.argmax(similarity)) if similarity else -1
    if nearest >= 0 and similarity[nearest] >= SIMILARITY:
        grown = _grown(intents.clusters[nearest], embedding, words, request_id, index)
        clusters = (*intents.clusters[:nearest], grown, *intents.clusters[nearest + 1 :])
        return Intents(clusters, intents.begun)
    number = intents.begun + 1
    begun = Intent(
        number, embedding, 1, 1.0, 1.0, index, time_us, index, dict.fromkeys(words[:INTENT_WORDS_MAX], 1), (request_id,)
    )
    return Intents((*_with_room(intents.clusters, index), begun), number)


def rates(intent: Intent, index: int) -> tuple[float, float]:
    """Events of the cluster per 100 monitored events, lately and over the slow memory, as of the event `index`."""
    found = []
    for weight, memory in ((intent.fast, FAST_EVENTS), (intent.slow, SLOW_EVENTS)):
        # A stream younger than the memory has seen only part of the weight that a steady rate gives.
        reached = -np.expm1(index * np.log1p(-1.0 / memory))
        found.append(100.0 * _faded(weight, index - intent.last_index, memory) / (memory * float(reached)))
    return found[0], found[1]


def growing(intents: Intents, index: int, *, limit: int, since: int = 0) -> tuple[Intent, ...]:
    """The clusters that have most lately, most first, among those that had an event at or after `since`."""
    live = [one for one in intents.clusters if one.last_index >= since]
    return tuple(sorted(live, key=lambda one: (-rates(one, index)[0], one.number))[:limit])


def _grown(intent: Intent, embedding: FloatVector, words: Sequence[str], request_id: str, index: int) -> Intent:
    mean = intent.centre * np.float32(intent.events) + embedding
    passed = index - intent.last_index
    return Intent(
        number=intent.number,
        centre=np.asarray(mean / np.sqrt(np.square(mean).sum()), dtype=np.float32),
        events=intent.events + 1,
        fast=_faded(intent.fast, passed, FAST_EVENTS) + 1.0,
        slow=_faded(intent.slow, passed, SLOW_EVENTS) + 1.0,
        first_index=intent.first_index,
        first_us=intent.first_us,
        last_index=index,
        words=_counted(intent.words, words),
        request_ids=(*intent.request_ids[1 - INTENT_EXAMPLES :], request_id),
    )


def _counted(counts: Mapping[str, int], words: Sequence[str]) -> Mapping[str, int]:
    merged = dict(counts)
    for word in words:
        merged[word] = merged.get(word, 0) + 1
    # Of words held equally often the newer stay, or the first texts would name a cluster for ever.
    kept = sorted(enumerate(merged.items()), key=lambda one: (-one[1][1], -one[0]))[:INTENT_WORDS_MAX]
    return dict(item for _, item in sorted(kept))


def _with_room(clusters: tuple[Intent, ...], index: int) -> tuple[Intent, ...]:
    if len(clusters) < INTENTS_MAX:
        return clusters
    least = min(clusters, key=lambda one: (rates(one, index)[1], one.number))
    return tuple(one for one in clusters if one is not least)


def _faded(weight: float, events: int, memory: float) -> float:
    return weight * (1.0 - 1.0 / memory) ** events
