"""The rows of docs/capabilities.yaml: what Weir must do, how a stranger checks it, and the state that is claimed."""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import yaml

LIST = pathlib.Path(__file__).resolve().parents[2] / "docs" / "capabilities.yaml"


class State(StrEnum):
    """How far a capability goes."""

    WORKS = "works"
    """A test does the row's own check, or one for each of its clauses, and passed."""

    PARTIAL = "partial"
    """Tests prove parts of the row."""

    MISSING = "missing"
    """No test proves any of it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One capability. Raises ValueError when what is missing is not said of a partial row, or is said of another; when a row
    that does not work says what it lacks; and for clauses that are not at least two different texts.
    """

    id: str
    group: str
    what: str
    check: str
    """What a stranger does to see it, on a fresh clone."""

    state: State
    missing: str = ""
    """What of the check is not there; of partial rows only."""

    clauses: tuple[str, ...] = ()
    """Names of what the check is made of, where more than one test does it: each needs a test that passes."""

    lacks: str = ""
    """What `what` names and the check does not ask for, and is not there; of rows that work only."""

    def __post_init__(self) -> None:
        if (self.state is State.PARTIAL) != bool(self.missing.strip()):
            raise ValueError(
                f"{self.id}: state {self.state}, missing {self.missing!r}; 'partial' says under 'missing' what of the"
                " check is not there, 'works' and 'missing' say nothing there"
            )
        if self.lacks and self.state is not State.WORKS:
            raise ValueError(f"{self.id}: state {self.state}, lacks {self.lacks!r}; a row that works says that alone")
        if self.clauses and (
            len(set(self.clauses)) < max(2, len(self.clauses)) or not all(map(str.strip, self.clauses))
        ):
            raise ValueError(f"{self.id}: clauses {[*self.clauses]}; list at least two different ones, or none")


def rows_of(text: str) -> list[Row]:
    """The rows in a YAML list. Raises ValueError for an id that comes twice, a row without a state, a strange key."""
    rows = [_row(fields) for fields in yaml.safe_load(text)]
    if twice := sorted(id_ for id_, times in Counter(row.id for row in rows).items() if times > 1):
        raise ValueError(f"the ids {twice} come twice; every capability has an id of its own")
    return rows


@cache
def committed_clauses() -> Mapping[str, tuple[str, ...]]:
    """The ids that a test may carry, each with the clauses of its check."""
    return {row.id: row.clauses for row in rows_of(LIST.read_text())}


def _row(fields: dict[str, Any]) -> Row:
    try:
        clauses = fields.get("clauses", [])
        if not isinstance(clauses, list):
            raise TypeError(f"clauses is {clauses!r}, no list")
        return Row(**{**fields, "state": State(fields["state"]), "clauses": tuple(map(str, clauses))})
    except (TypeError, KeyError) as error:
        raise ValueError(
            f"row {fields.get('id')!r}: {error}; fields: id, group, what, check, clauses, state, missing, lacks"
        ) from error
