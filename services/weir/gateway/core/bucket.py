"""Token buckets: how often one key or tenant may do something, over monotonic time.

Law: in any time t at most `per_minute * (1 + t / 60)` is taken, and a clock that was set changes nothing.
Own code, because the `limits` library counts by the wall clock: set back by an hour, it refuses for an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_S = 60.0

BUCKETS_MAX = 4_096
"""Buckets kept before the full ones are forgotten: they say nothing. Chosen: far above the keys of an installation."""


@dataclass(slots=True)
class Bucket:
    """What is left, as of a time."""

    level: float
    at_s: float


class Buckets:
    """A bucket for each name that was used."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}

    def take(self, name: str, per_minute: int, cost: int, now_s: float) -> float:
        """Take `cost`. Returns 0, or the seconds to wait until that much is there; then nothing was taken.

        per_minute: what flows in, and what the bucket holds; at least 1. now_s: monotonic. A cost above what the bucket
        holds never fits: infinity.
        """
        wait_s = self.wait_s(name, per_minute, cost, now_s)
        if not wait_s:
            self.spend(name, cost)
        return wait_s

    def spend(self, name: str, cost: int) -> None:
        """Take `cost`, which `wait_s` found to be there just now."""
        self._buckets[name].level -= cost

    def wait_s(self, name: str, per_minute: int, cost: int, now_s: float) -> float:
        """What `take` would return; nothing is taken."""
        bucket = self._filled(name, per_minute, now_s)
        if cost <= bucket.level:
            return 0.0
        return float("inf") if cost > per_minute else (cost - bucket.level) * MINUTE_S / per_minute

    def owe(self, name: str, per_minute: int, cost: int, now_s: float) -> None:
        """Take `cost` whether or not it is there. What is owed is at most a minute's worth."""
        bucket = self._filled(name, per_minute, now_s)
        bucket.level = max(bucket.level - cost, -float(per_minute))

    def _filled(self, name: str, per_minute: int, now_s: float) -> Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= BUCKETS_MAX:
                self._forget(now_s)
            bucket = self._buckets[name] = Bucket(per_minute, now_s)
            return bucket
        flowed = max(0.0, now_s - bucket.at_s) * per_minute / MINUTE_S
        bucket.level, bucket.at_s = min(float(per_minute), bucket.level + flowed), now_s
        return bucket

    def _forget(self, now_s: float) -> None:
        """Drop what was not used for two minutes: it is full, or was in debt for a minute and is full again."""
        self._buckets = {name: one for name, one in self._buckets.items() if now_s - one.at_s < 2 * MINUTE_S}
