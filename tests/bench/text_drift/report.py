"""Report: the tables of the benchmark, bases side by side."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from .cells import CELLS
from .must_show import interval, number, shown
from .summary import MMD, PAGE, WEIR, Record, delay_of

METHODS = (WEIR, MMD, "ADWIN on kNN", "Page-Hinkley on kNN", "centroid")


def must_show_table(bases: Mapping[str, Record]) -> Table:
    """Every bar, and what each base gave for it. The bars are for the first base; the others stand beside it."""
    table = Table(title="Must show: the bars are for the first base", title_justify="left", show_edge=False)
    table.add_column("item")
    table.add_column("what", overflow="fold")
    table.add_column("bar")
    for name in bases:
        for column in (f"weir, {name}", "MMD", ""):
            table.add_column(column, overflow="fold")
    rows = [shown(base) for base in bases.values()]
    for together in zip(*rows, strict=True):
        first = together[0]
        cells = [text for row in together for text in (row.weir, row.mmd, "held" if row.held else "[red]NOT HELD[/]")]
        table.add_row(first.item, first.what, first.bar, *cells)
    return table


def run_length_table(name: str, base: Record) -> Table:
    """Mean events to a false alarm by method and traffic, pooled and per draw."""
    table = Table(title=f"{name} base: mean events to a false alarm (95 %)", title_justify="left", show_edge=False)
    for column in ("method", "traffic", "events", "alarms", "mean", "each draw"):
        table.add_column(column, overflow="fold")
    for row in base["run_lengths"]:
        draws = " ".join(number(draw["mean"]) for draw in row["draws"])
        counts = f"{row['events']:,}", f"{row['alarms']:,}"
        table.add_row(row["method"], row["traffic"], *counts, interval(row, "mean"), draws)
    return table


def delay_table(name: str, base: Record) -> Table:
    """Median delay with its interval and the share detected, by cell and method; the fastest part of the bank."""
    title = f"{name} base: events from change to alarm, median (95 %) [share found where below 0.95]"
    table = Table(title=title.replace("[", r"\["), title_justify="left", show_edge=False)
    methods = [method for method in METHODS if any(row["method"] == method for row in base["delays"])]
    for column in ("change", *methods, "weir p90", "weir page", "first part"):
        table.add_column(column, overflow="fold")
    for cell in CELLS:
        if delay_of(base, WEIR, cell.name) is None:
            continue
        found = [_told(delay_of(base, method, cell.name)) for method in methods]
        weir, parts = delay_of(base, WEIR, cell.name), base["parts"][cell.name]
        leader = max(parts, key=parts.__getitem__)
        share = parts[leader] / max(sum(parts.values()), 1)
        p90 = number(weir["p90"]) if weir else ""
        table.add_row(cell.name, *found, p90, _told(delay_of(base, PAGE, cell.name)), f"{leader} {share:.0%}")
    return table


def _told(row: Record | None) -> str:
    if row is None:
        return ""
    share = "" if row["detected"] >= 0.95 else rf" \[{row['detected']:.2f}]"
    return interval(row, "median") + share
