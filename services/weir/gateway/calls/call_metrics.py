"""Metrics of ended calls, by route and model, without letting a caller choose how many series there are.

A label is a name that the catalog knows, and there are so many pairs at most; any other call is counted under `other`. What
is looked up for a pair is kept, so that counting a call formats and locks nothing more than it did without these labels.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Histogram

from weir.gateway.adapters.metrics import CALLS, LATENCY_S
from weir.gateway.core.call import Call, CallEnd

OTHER = "other"
"""Route and model of calls that have no label of their own."""

Key = tuple[str, str, str, str]
"""Protocol, outcome, route, model; as the call says them."""


class CallMetrics:
    """Counts ended calls."""

    def __init__(self, is_known: Callable[[str], bool], pairs_max: int) -> None:
        """is_known: whether the catalog has a route of that name. pairs_max: pairs of route and model with labels."""
        self._is_known = is_known
        self._pairs_max = pairs_max
        self._pairs: set[tuple[str, str]] = set()
        self._kept: dict[Key, tuple[Counter, Histogram]] = {}

    def count_end(self, call: Call, end: CallEnd) -> None:
        """Count a call that was admitted, with its duration."""
        key = (call.protocol, end.outcome, call.route, call.model)
        counter, histogram = self._kept.get(key) or self._learnt(key)
        counter.inc()
        histogram.observe((end.end_time_us - call.start_time_us) / 1e6)

    def count_refusal(self, call: Call, end: CallEnd) -> None:
        """Count a call that was not admitted: no model was asked, whatever it wanted."""
        route, model = self._labels(call.route, "")
        CALLS.labels(call.protocol, end.outcome, route, model).inc()

    def _learnt(self, key: Key) -> tuple[Counter, Histogram]:
        protocol, outcome, route, model = key
        labels = self._labels(route, model)
        found = CALLS.labels(protocol, outcome, *labels), LATENCY_S.labels(protocol, *labels)
        if labels == (route, model):  # those of others are not kept: strangers choose them
            self._kept[key] = found
        return found

    def _labels(self, route: str, model: str) -> tuple[str, str]:
        pair = (route, model)
        if pair in self._pairs:
            return pair
        if len(self._pairs) >= self._pairs_max or not self._is_known(route):
            return OTHER, OTHER
        self._pairs.add(pair)
        return pair
