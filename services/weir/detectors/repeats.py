"""Repeats: a text that comes again soon, word for word, is scored once.

A retry is no independent event: it says what its predecessor said, and a bet that won would win again on the same
luck. Measured with one event in ten a retry: one false alarm in 371 events where one in 5,000 was promised. So an event
whose text came within the last events is *repeated*, and no part of the bank scores it.

How far back that reaches, its span, is up to the text, for not all that comes again is a retry. A stock question comes
again by itself, and so does a text that begins to flood the traffic, which must be found. So the span of a text is
`MEMORY_EVENTS`, but at most that in which `REPEATED_SHARE` arrivals are expected: of the share it has in the reference,
and of the one it has among the last `MEMORY_EVENTS` events where it came there more than once. A text that is a tenth
of the traffic has a span of two events, one of more than a quarter none. So a quarter of the scores at most is given up,
whatever the mix of texts.

The reference is thinned by the same rule before anything is ranked (`entering`), so reference and later events are
drawn alike, also where the texts that are retried are not like the others. What is left among later events is that a
text cannot come again at once: they repel each other a little, which makes false alarms rarer, not more frequent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from weir.detectors.prefix import KeyVector
from weir.state import Packed

MEMORY_EVENTS = 64
"""Events a text is remembered for, at most. Bets have forgotten a lucky event by then (they lose 3 % an event or more)."""

REPEATED_SHARE = 0.25
"""Expected arrivals of a text within its span: a quarter of its independent arrivals are taken for repeats. Chosen: with
less, retries of stock questions are taken for new ones, with more too little is left to score.
"""

Repeats = Annotated[tuple[int, ...], Packed(np.uint64, tuple)]
"""What is remembered of a stream: the copy keys of its last `MEMORY_EVENTS` events, oldest first."""

NO_REPEATS: Repeats = ()
"""Nothing is remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class RepeatRule:
    """What the reference says about spans: `spans` in events by copy key, `MEMORY_EVENTS` for a key that is not there."""

    spans: Mapping[int, int]

    def span(self, copy_key: int, arrivals: int) -> int:
        """The span of a text that came `arrivals` times, at least once, within the last `MEMORY_EVENTS` events."""
        span = self.spans.get(copy_key, MEMORY_EVENTS)
        return span if arrivals == 1 else min(span, int(REPEATED_SHARE * MEMORY_EVENTS / arrivals))


def repeat_rule(copy_keys: KeyVector) -> RepeatRule:
    """The rule of a reference whose events have `copy_keys`, repeated ones included."""
    keys, counts = np.unique(copy_keys, return_counts=True)
    spans = np.floor(REPEATED_SHARE * copy_keys.size / counts).astype(np.int64)
    short = spans < MEMORY_EVENTS
    return RepeatRule(dict(zip(keys[short].tolist(), spans[short].tolist(), strict=True)))


def fold(repeats: Repeats, copy_keys: Sequence[int], rule: RepeatRule) -> tuple[Repeats, list[bool]]:
    """What is remembered after events with `copy_keys`, and whether each one enters, that is, is not repeated.

    Any cut of the events into calls gives the same. About 1 us an event, 3 us for one whose text is remembered.
    """
    recent, entering = list(repeats), list[bool]()
    for key in copy_keys:
        arrivals = recent.count(key)
        entering.append(not arrivals or _gap(recent, key) > rule.span(key, arrivals))
        recent.append(key)
        if len(recent) > MEMORY_EVENTS:
            del recent[0]
    return tuple(recent), entering


def _gap(recent: Sequence[int], key: int) -> int:
    """Events from the last arrival of `key` to the next event."""
    return next(gap for gap, other in enumerate(reversed(recent), 1) if other == key)


def entering(copy_keys: KeyVector) -> npt.NDArray[np.bool_]:
    """Which events of a reference enter under its own rule (n,)."""
    return np.array(fold(NO_REPEATS, copy_keys.tolist(), repeat_rule(copy_keys))[1], dtype=np.bool_)
