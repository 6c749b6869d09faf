"""Problems: what is wrong with a definition, where, and what would be right.

A refusal lists every problem of every document at once, so that one reading fixes them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

INVALID = "invalid"
"""The definition can never be applied as it is."""

CONFLICT = "conflict"
"""The definition is well formed and disagrees with what is stored."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one document.

    document: its index in the batch, counted from 0; the text counts from 1, as people do. path: where in the document,
    for example spec.nodes[2].name.
    reason: INVALID or CONFLICT.
    """

    document: int
    kind: str
    name: str
    path: str
    message: str
    reason: str = INVALID

    def __str__(self) -> str:
        return f"document {self.document + 1} ({self.kind}/{self.name}) {self.path}: {self.message}"


class Refused(Exception):
    """A batch that was not applied: nothing of it was stored.

    reason: CONFLICT when every problem is one, else INVALID.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(one) for one in problems))
        self.problems = tuple(problems)
        self.reason = CONFLICT if all(one.reason == CONFLICT for one in problems) else INVALID
