"""The memory of the template channel, and the p-value that a beginning gets from it.

The score of a beginning k is `m / (1 + e)`: m, how many of the remembered events of the stream began with it; e, how
many would if the stream were like the reference, which holds it r times. So a beginning that is common in the reference
must become more common still, and one that it lacks counts from its second appearance. A text that is remembered word
for word is skipped: a template is one beginning with *different* ends; probes, retries and stock questions are not.

Why the p-value is valid although the score has a memory. The memory M holds past events of the stream only, nothing of
the reference. So given M, the reference events X1..Xn and the next event X are still exchangeable if nothing changed,
also among those whose text is not in M; and the rank of X among them by *any* function of (event, M, the other events
taken symmetrically) is uniform, ties broken at random: the usual conformal argument (Vovk), made anew at every event
with the reference re-scored by the present memory. "The others, taken symmetrically": a reference event with the
beginning of X counts X and not itself, so r for both, a tie; one with another beginning k counts r(k) - 1. That is what
`fold` computes, exactly.

What is not exact, as for every channel, is independence between later events, which share one reference: a beginning
that the stream holds more often than the reference by chance keeps coming back. A short memory bounds that: to score, it
must come twice within `MEMORY_EVENTS`, and what a reference of 2,000 lacks comes once in some 2,000 events.

Sessions: only the turn that enters the alarm path is remembered, so a user who repeats one opening in a conversation
counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from weir.detectors.conformal import P_MIN
from weir.detectors.prefix import NO_WORDS, KeyVector
from weir.state import DERIVED, Packed

MEMORY_EVENTS = 256
"""Events remembered. Chosen: two in a hundred texts from a new template meet in it, chance meetings hardly do."""

Keys = tuple[int, int]
"""Key of the beginning, key of the whole text."""


def _pairs(rows: Sequence[tuple[int, int]]) -> tuple[Keys, ...]:
    return tuple((prefix, text) for prefix, text in rows)


class PrefixCounts:
    """How often the reference holds each beginning, and each text."""

    def __init__(self, prefix_keys: KeyVector, text_keys: KeyVector) -> None:
        with_words = prefix_keys != NO_WORDS
        self.beginnings: Mapping[int, int] = dict(Counter(prefix_keys[with_words].tolist()))
        self.texts: Mapping[int, int] = dict(Counter(text_keys[with_words].tolist()))
        self.total = int(np.count_nonzero(with_words))


class Tally:
    """What follows from a memory against one reference. It changes in place and is handed from a memory to the next:
    `recent` says which one it is in step with, None while it changes.

    `counts`: remembered events by beginning. `held`: reference texts by remembered beginning, without those whose text
    is remembered itself; `known` is their sum, `repeated` the number left out.
    """

    def __init__(self, reference: PrefixCounts) -> None:
        self.recent: tuple[Keys, ...] | None = ()
        self._reference = reference
        self._texts: set[int] = set()
        self._counts: dict[int, int] = {}
        self._held: dict[int, int] = {}
        self._known = self._repeated = 0

    def holds(self, keys: Keys) -> bool:
        """Whether the text is remembered."""
        return keys[1] in self._texts

    def remember(self, keys: Keys) -> None:
        """Count a text that is not remembered."""
        prefix, text = keys
        if prefix not in self._counts:
            self._counts[prefix] = 0
            self._held[prefix] = self._reference.beginnings.get(prefix, 0)
            self._known += self._held[prefix]
        self._counts[prefix] += 1
        self._texts.add(text)
        self._leave_out(prefix, self._reference.texts.get(text, 0))

    def forget(self, keys: Keys) -> None:
        """Take back a text that is remembered."""
        prefix, text = keys
        self._leave_out(prefix, -self._reference.texts.get(text, 0))
        self._texts.remove(text)
        self._counts[prefix] -= 1
        if not self._counts[prefix]:
            self._known -= self._held.pop(prefix)
            del self._counts[prefix]

    def _leave_out(self, prefix: int, texts: int) -> None:
        self._held[prefix] -= texts
        self._known -= texts
        self._repeated += texts

    def p_value(self, prefix: int, uniform: float) -> float:
        """The rank of `prefix` among the reference texts that are not remembered, ties broken by `uniform`."""
        total = self._reference.total - self._repeated
        above, equal = self._ranked(prefix, total) if prefix in self._counts else (self._known, total - self._known)
        return min(max((above + uniform * (equal + 1)) / (total + 1), P_MIN), 1.0 - P_MIN)

    def _ranked(self, prefix: int, total: int) -> tuple[int, int]:
        """Reference texts that score above `prefix`, and those that tie with it."""
        own, per_text = self._held[prefix], len(self._texts) / max(total, 1)
        score = self._counts[prefix] / (1.0 + own * per_text)
        above, equal = 0, own
        for other, held in self._held.items():
            if held and other != prefix:
                theirs = self._counts[other] / (1.0 + (held - 1) * per_text)
                above += held if theirs > score else 0
                equal += held if theirs == score else 0
        return above, equal


@dataclass(frozen=True, slots=True, eq=False)
class TemplateMemory:
    """Keys of the last texts, oldest first, each text once.

    `tally` follows from them: in step with the newest memory of a chain. An older one that goes another way makes its own,
    as one from a checkpoint does, which has None; so the same memory must not be folded by two threads at a time.
    """

    recent: Annotated[tuple[Keys, ...], Packed(np.uint64, _pairs)] = ()
    tally: Annotated[Tally | None, DERIVED] = field(default=None, repr=False)


def fold(
    memory: TemplateMemory, keys: Sequence[Keys], uniforms: Sequence[float], reference: PrefixCounts
) -> tuple[TemplateMemory, list[float]]:
    """The memory after texts with `keys`, and the p-value of each; NaN for one without words or remembered itself.

    Cost: 2 us for a beginning that is not remembered, else 0.1 us more for every remembered one; 3 us a call, and 100
    us where the tally is not in step with `memory`.
    """
    tally, recent, p = _tally_of(memory, reference), list(memory.recent), list[float]()
    for both, uniform in zip(keys, uniforms, strict=True):
        if both[0] == NO_WORDS or tally.holds(both):
            p.append(np.nan)
            continue
        p.append(tally.p_value(both[0], uniform))
        tally.remember(both)
        recent.append(both)
        if len(recent) > MEMORY_EVENTS:
            tally.forget(recent.pop(0))
    tally.recent = tuple(recent)
    return TemplateMemory(tally.recent, tally), p


def _tally_of(memory: TemplateMemory, reference: PrefixCounts) -> Tally:
    tally = memory.tally
    if tally is None or tally.recent is not memory.recent:
        tally = Tally(reference)
        for keys in memory.recent:
            tally.remember(keys)
    tally.recent = None
    return tally
