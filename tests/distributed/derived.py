"""What the groups make of answered calls: the text features and the score of each call, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.accounts.stored_calls import Asked
from harness.store.id_lists import at_once, quoted

MADE = {
    "text features, by the inference services": ("v_text_features", ""),
    "scores, by the evaluators": ("v_evaluation_scores", " AND evaluator = 'answer-length'"),
}
"""What each call has one row of: view and condition. That evaluator of the examples scores every call."""


@dataclass(frozen=True, slots=True)
class Derived:
    """One kind of row. expected: answered calls; rows and calls: what the view holds of them."""

    name: str
    expected: int
    rows: int
    calls: int

    @property
    def lost(self) -> int:
        """Calls without one."""
        return self.expected - self.calls

    @property
    def duplicates(self) -> int:
        """Rows beyond one for each call."""
        return self.rows - self.calls

    @property
    def is_clean(self) -> bool:
        """Whether every call has one, once."""
        return self.lost == 0 and self.duplicates == 0


def derived(cluster: Asked, ids: Sequence[str]) -> list[Derived]:
    """Every kind, counted now."""
    return [_counted(cluster, name, view, also, ids) for name, (view, also) in MADE.items()]


def _counted(cluster: Asked, name: str, view: str, also: str, ids: Sequence[str]) -> Derived:
    rows = calls = 0
    for part in at_once(ids):
        query = f"SELECT count(), uniqExact(request_id) FROM {view} WHERE request_id IN ({quoted(part)}){also}"
        ((count, unique),) = cluster.sql(query)
        rows, calls = rows + int(count), calls + int(unique)
    return Derived(name, len(ids), rows, calls)
