"""Report: the tables of the benchmark, bases side by side."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from .cells import CELLS
from .evaluate import MMD, MMD_MATCHED
from .must_show import interval, number, shown, shown_costs
from .summary import PAGE, WEIR, Record, delay_of

METHODS = (WEIR, MMD, MMD_MATCHED, "ADWIN on kNN", "Page-Hinkley on kNN", "centroid")


def closing_tables(results: Record) -> list[Table]:
    """What is said about all bases together: costs, skew, Evidently's windows, and every bar."""
    tables = [must_show_table(results["bases"])]
    if results.get("cost"):
        tables.append(cost_table(results))
    if any("skew" in base for base in results["bases"].values()):
        tables.append(window_table(results))
    return tables[1:] + tables[:1]


def cost_table(results: Record) -> Table:
    """The bars of item 4, and what else was timed."""
    table = Table(title="cost of one stream, one thread", title_justify="left", show_edge=False)
    for column in ("what", "bar", "weir", "online MMD", ""):
        table.add_column(column)
    for row in shown_costs(results):
        table.add_row(row.what, row.bar, row.weir, row.mmd, _held(row.held))
    table.add_row("CPU s to fit a reference of 2,000", "", f"{results['cost']['weir_fit_s']:.1f}", "", "")
    return table


def window_table(results: Record) -> Table:
    """Share of windows of 200 texts flagged by the skew test and by Evidently's methods at their defaults."""
    table = Table(title="share of windows of 200 texts flagged", title_justify="left", show_edge=False)
    evidently = results.get("evidently") or []
    methods = list(dict.fromkeys(row["method"] for row in evidently))
    table.add_column("change")
    for name in results["bases"]:
        table.add_column(f"weir skew, alpha .05, {name}")
    for method in methods:
        cost_ms = [row["ms"] for row in evidently if row["method"] == method]
        table.add_column(f"Evidently {method} ({sum(cost_ms) / len(cost_ms):.0f} ms)", overflow="fold")
    bases = list(results["bases"].values())
    for place, row in enumerate(bases[0]["skew"]):
        own = [f"{base['skew'][place]['flagged']:.2f}" for base in bases]
        theirs = [
            f"{found['flagged']:.2f}"
            for method in methods
            for found in evidently
            if (found["method"], found["change"]) == (method, row["change"])
        ]
        table.add_row(row["change"], *own, *theirs)
    return table


def _held(held: bool) -> str:
    return "held" if held else "[red]NOT HELD[/]"


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
        cells = [text for row in together for text in (row.weir, row.mmd, _held(row.held))]
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


def repetition_table(name: str, base: Record) -> Table:
    """Mean events to a false alarm where texts come again word for word, and the delay of one change there."""
    title = f"{name} base: mean events to a false alarm (95 %) where texts come again word for word"
    table = Table(title=title, title_justify="left", show_edge=False)
    for column in ("traffic", "bar", "alarms", "mean", "each draw", "far 10 %, delay", "without", ""):
        table.add_column(column, overflow="fold")
    for row in base["repetitions"]:
        draws = " ".join(number(mean) for mean in row["draws"])
        counts = row["bar"], str(row["alarms"]), interval(row, "mean"), draws
        table.add_row(
            row["traffic"], *counts, interval(row["delay"], "median"), ", ".join(row["inactive"]), _held(row["held"])
        )
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
