"""The watch: what an audit found becomes a signal when it begins, changes or ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from weir.lineage.audit.core.audit import SourceAudit, totals

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
    """The value signalled last, by signal; empty after a start, so that the first audit signals everything."""

    signalled: Mapping[str, int] = field(default_factory=dict)


def step(watch: Watch, audits: Sequence[SourceAudit]) -> tuple[Watch, list[Signal]]:
    """The watch after a settled audit, and one signal for every total that changed since the last signal."""
    sums = totals(audits)
    signals = [
        Signal(name, sums[column] > 0, sums[column], _explained(column, sums[column], audits))
        for name, column in WATCHED.items()
        if watch.signalled.get(name) != sums[column]
    ]
    return Watch({**watch.signalled, **{signal.name: signal.value for signal in signals}}), signals


def _explained(column: str, total: int, audits: Sequence[SourceAudit]) -> str:
    found = [audit for audit in audits if audit.as_json()[column]]
    named = "; ".join(_named(column, audit) for audit in found[:SOURCES_NAMED_MAX])
    more = f"; {len(found) - SOURCES_NAMED_MAX} more sources" if len(found) > SOURCES_NAMED_MAX else ""
    return f"{column} {total}: {named}{more}" if found else f"{column} 0"


def _named(column: str, audit: SourceAudit) -> str:
    ranges = f" ({', '.join(map(str, audit.missing[:RANGES_NAMED_MAX]))})" if column == "missing" else ""
    return f"{audit.source} of {audit.boot_epoch} {audit.as_json()[column]}{ranges}"
