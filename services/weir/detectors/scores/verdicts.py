"""Verdicts: what a judge said of each anchor so far, held back for a while so that a change does not teach it.

Verdicts on an anchor at the same event time belong to one scoring of the set, see `noise`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weir.detectors.scores.noise import History

VERDICTS_MAX = 20
"""Verdicts on one anchor that are used. Chosen: two scorings of the set and those of 50,000 scores at the usual
interleave; it bounds the state, and a slow change is not followed for ever."""


@dataclass(frozen=True, slots=True)
class AnchorRecord:
    """Verdicts on one anchor; the last group of them was given at `last_us`."""

    last_us: int = -1
    groups: History = ()


@dataclass(frozen=True, slots=True)
class Verdicts:
    """records: by anchor. waiting: anchors, whether they failed, and when; oldest first, they join as others follow."""

    records: Mapping[str, AnchorRecord] = field(default_factory=dict)
    waiting: tuple[tuple[str, bool, int], ...] = ()

    def of(self, anchor_id: str) -> History:
        """The verdicts on an anchor that have joined."""
        return self.records.get(anchor_id, AnchorRecord()).groups


def recorded(
    records: Mapping[str, AnchorRecord], anchor_id: str, failed: bool, at_us: int
) -> Mapping[str, AnchorRecord]:
    """With one more verdict; the same records when there are enough on this anchor."""
    record = records.get(anchor_id, AnchorRecord())
    if sum(count for _, count in record.groups) >= VERDICTS_MAX:
        return records
    groups = (*record.groups, (int(failed), 1))
    if at_us == record.last_us:
        fails, count = record.groups[-1]
        groups = (*record.groups[:-1], (fails + failed, count + 1))
    return {**records, anchor_id: AnchorRecord(at_us, groups)}


def learnt(verdicts: Verdicts, anchor_id: str, *, failed: bool, at_us: int, lag: int) -> Verdicts:
    """With one more verdict that waits; all but the last `lag` of those that wait join."""
    verdicts = replace(verdicts, waiting=(*verdicts.waiting, (anchor_id, failed, at_us)))
    while len(verdicts.waiting) > lag:
        oldest, *others = verdicts.waiting
        verdicts = Verdicts(recorded(verdicts.records, *oldest), tuple(others))
    return verdicts
