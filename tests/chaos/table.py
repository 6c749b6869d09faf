"""The one table of the suite."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from harness.accounts.ledger import Row, total

NUMBERS = ("times", "acknowledged", "stored", "dead-lettered", "shed", "corrupt", "lost", "duplicates")


def table(rows: Sequence[Row]) -> Table:
    """All rows and their sums."""
    drawn = Table(title="Every fault, and what became of the events that were acknowledged")
    drawn.add_column("fault", overflow="fold")
    for name in NUMBERS:
        drawn.add_column(name, justify="right")
    drawn.add_column("recovered in s", justify="right")
    drawn.add_column("note", overflow="fold")
    for row in (*rows, total(rows)):
        note = f"BROKEN: {row.problem}" if row.problem else row.note
        drawn.add_row(row.fault, *(f"{count:,}" for count in numbers(row)), f"{row.recovery_s:.1f}", note)
    return drawn


def markdown(rows: Sequence[Row]) -> str:
    """The same for a page of the documentation."""
    heads = ("fault", *NUMBERS, "recovered in s", "note")
    lines = [f"| {' | '.join(heads)} |", f"|---|{'--:|' * (len(heads) - 2)}---|"]
    for row in (*rows, total(rows)):
        note = f"BROKEN: {row.problem}" if row.problem else row.note
        cells = (row.fault, *(f"{count:,}" for count in numbers(row)), f"{row.recovery_s:.1f}", note)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def numbers(row: Row) -> tuple[int, ...]:
    """A row's counts in the order of `NUMBERS`."""
    counts = (row.times, row.acknowledged, row.stored, row.dead_lettered, row.shed, row.corrupt)
    return (*counts, row.lost, row.duplicates)
