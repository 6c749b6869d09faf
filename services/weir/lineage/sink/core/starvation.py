"""Starvation: which partitions the sink reads nothing of although the log has more, for so long that it is no delay.

A broker that was killed and came back may have lost the last epochs of its leaders. A client that knows them believes nothing it
says, and fetches nothing any more (`tests/integration/test_lost_epochs.py`). No error tells this apart from a quiet log, so the
broker's own ends are held against what was read. A member that has no partitions reads nothing either; what its group has
committed is held against the ends then, of the partitions that no other member has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weir.events.log import TopicPartition


@dataclass(slots=True)
class Starvation:
    """Of one membership. `limit_s`: seconds that a partition may stand still with more behind it.

    A look that comes later than that after the one before starts anew: the sink waited for its store, and read nothing.
    """

    limit_s: float
    _stands: dict[TopicPartition, tuple[int, float]] = field(default_factory=dict)
    """Where a partition stands that had more when it was first seen there, and since when, by a monotonic clock."""
    _looked_s: float = 0.0

    def starved(
        self, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], now_s: float
    ) -> list[TopicPartition]:
        """Partitions that stood still for the limit. `positions`: the next offset to read; `ends`: that of the log."""
        behind = {one: at for one, at in positions.items() if ends.get(one, 0) > at}
        before = self._stands if now_s - self._looked_s <= self.limit_s else {}
        self._looked_s = now_s
        self._stands = {
            one: before[one] if one in before and before[one][0] == at else (at, now_s) for one, at in behind.items()
        }
        return sorted(one for one, (_, since_s) in self._stands.items() if now_s - since_s >= self.limit_s)
