"""The watch: what an audit found becomes a signal when it begins, changes or ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from weir.lineage.audit.core.audit import SourceAudit, totals
from weir.lineage.audit.core.ranges import Span

WATCHED: Mapping[str, str] = {
    "audit_missing": "missing",
    "audit_corrupt": "corrupt",
    "audit_duplicates": "duplicates_visible",
}
"""Signal and the total it watches; above 0 it is raised."""

SOURCES_NAMED_MAX = 5
RANGES_NAMED_MAX = 5
"""Sources of an explanation, and ranges of a source. Chosen: what fits into a message to a telephone."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something to tell."""

    name: str
    is_raised: bool
    value: int
    explanation: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What was told last, by signal; nothing yet after a start, so the first audit tells everything."""

    told: Mapping[str, int] = field(default_factory=dict)


def step(watch: Watch, books: Sequence[SourceAudit]) -> tuple[Watch, list[Signal]]:
    """The watch after an audit that is settled, and what there is to tell: each total that is another than was told."""
    sums = totals(books)
    signals = [
        Signal(name, sums[column] > 0, sums[column], _explained(column, sums[column], books))
        for name, column in WATCHED.items()
        if watch.told.get(name) != sums[column]
    ]
    return Watch({**watch.told, **{signal.name: signal.value for signal in signals}}), signals


def _explained(column: str, total: int, books: Sequence[SourceAudit]) -> str:
    found = [book for book in books if book.as_json()[column]]
    named = "; ".join(_named(column, book) for book in found[:SOURCES_NAMED_MAX])
    more = f"; {len(found) - SOURCES_NAMED_MAX} more sources" if len(found) > SOURCES_NAMED_MAX else ""
    return f"{column} {total}: {named}{more}" if found else f"{column} 0"


def _named(column: str, book: SourceAudit) -> str:
    ranges = f" ({', '.join(map(_range, book.missing[:RANGES_NAMED_MAX]))})" if column == "missing" else ""
    return f"{book.source} of {book.boot_epoch} {book.as_json()[column]}{ranges}"


def _range(span: Span) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"
