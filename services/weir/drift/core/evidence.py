"""Evidence: what is remembered of the last monitored events, so that an alarm can say what changed.

Bounded: `EVIDENCE_EVENTS` events with a few words each. A change that began longer ago is explained by the events that
are left, and the signal says how many these are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from weir.detectors.reference import FloatArray
from weir.events import Reference as PinnedReference
from weir.state import SHARED

EVIDENCE_EVENTS = 256
"""Events remembered (chosen: the memory of the slowest moving average; about 80 kB of a checkpoint)."""

EVIDENCE_WORDS = 48
"""Distinct words kept an event, in order (chosen: a prompt's subject is among its first words)."""

TERM_CHARS_MAX = 32
"""Longest word that a signal may carry, characters (chosen: longer ones are keys, addresses and numbers)."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One monitored event.

    `index` counts monitored events from 1. `words`: distinct, in order, see `distinct_words`. `p` (channels,): NaN where
    a channel skipped it. `cluster`: number of the nearest cluster of the reference, -1 without embedding. `assets`: what
    the call was pinned to.
    """

    index: int
    request_id: str
    time_us: int
    words: tuple[str, ...]
    p: FloatArray
    cluster: int
    assets: Annotated[tuple[PinnedReference, ...], SHARED]


def distinct_words(words: Iterable[str]) -> tuple[str, ...]:
    """The first `EVIDENCE_WORDS` different words that are short enough to be words."""
    found: dict[str, None] = {}
    for word in words:
        if len(word) <= TERM_CHARS_MAX:
            found[word] = None
        if len(found) == EVIDENCE_WORDS:
            break
    return tuple(found)


def remembered(recent: tuple[Evidence, ...], event: Evidence) -> tuple[Evidence, ...]:
    """`recent` after `event`, the oldest forgotten."""
    return (*recent[1 - EVIDENCE_EVENTS :], event)


def since(recent: Sequence[Evidence], index: int) -> list[Evidence]:
    """The remembered events from the monitored event `index` on."""
    return [event for event in recent if event.index >= index]
