"""`python -m bench.text_drift.figures`: writes the last run's figures into docs/drift-results.md, between two marks.

So the document quotes what the benchmark printed and nothing else. Everything outside of the marks stays as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from weir.cli.stack.layout import repository

from .cells import CELLS
from .must_show import Shown, interval, number, shown, shown_costs
from .report import METHODS
from .run import KEPT
from .summary import WEIR, Record, delay_of

DOCUMENT = repository() / "docs" / "drift-results.md"
BEGIN, END = "<!-- figures of make bench-drift: begin -->", "<!-- figures of make bench-drift: end -->"


def main() -> int:
    """Rewrite the marked part. Returns the exit code."""
    if not KEPT.exists():
        print(f"figures: {KEPT} is missing; run: make bench-drift", file=sys.stderr)
        return 4
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    results = json.loads(KEPT.read_text(encoding="utf-8"))
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{figures(results)}\n\n{END}{after}", encoding="utf-8")
    return 0


def figures(results: Record) -> str:
    """All tables as Markdown."""
    told = (
        f"One run of `{results['command']}`: {results['seconds'] / 60:.0f} minutes on {results['cpus']} cores, load "
        f"{results['load_before']:.1f} before and {results['load_after']:.1f} after."
    )
    parts = [told, "The bars, and what was measured:", _bars(results)]
    for name, base in results["bases"].items():
        parts += [f"Mean events to a false alarm, {name} base (95 % interval):", _run_lengths(base)]
        parts += [
            f"Events from the change to the alarm, {name} base: median (95 % interval), share found where below 0.95:",
            _delays(base),
        ]
    for name, base in results["bases"].items():
        if base.get("repetitions"):
            parts += [f"Where texts come again word for word, {name} base (95 % interval):", _repetitions(base)]
    if results.get("evidently"):
        parts += ["Share of windows of 200 texts flagged, first base:", _windows(results)]
    left = [f"{name} was left out: {reason}" for name, reason in results.get("left_out", {}).items()]
    return "\n\n".join([*parts, *left])


def _bars(results: Record) -> str:
    names = list(results["bases"])
    header = ["item", "what", "bar", *(text for name in names for text in (f"weir, {name}", "MMD", "held"))]
    rows = [_bar_row(together) for together in zip(*(shown(base) for base in results["bases"].values()), strict=True)]
    rows += [[*_bar_row([row]), *[""] * (len(header) - 6)] for row in shown_costs(results)]
    return _table(header, rows)


def _bar_row(together: Sequence[Shown]) -> list[str]:
    first = together[0]
    own = [text for row in together for text in (row.weir, row.mmd, "yes" if row.held else "**no**")]
    return [first.item, first.what, first.bar, *own]


def _run_lengths(base: Record) -> str:
    rows = [
        [row["method"], row["traffic"], f"{row['events']:,}", str(row["alarms"]), interval(row, "mean"),
         ", ".join(number(draw["mean"]) for draw in row["draws"])]
        for row in base["run_lengths"]
    ]  # fmt: skip
    return _table(["method", "traffic", "events", "alarms", "mean", "each draw"], rows)


def _repetitions(base: Record) -> str:
    rows = [
        [row["traffic"], row["bar"], str(row["alarms"]), interval(row, "mean"), ", ".join(map(number, row["draws"])),
         interval(row["delay"], "median"), ", ".join(row["inactive"]), "yes" if row["held"] else "**no**"]
        for row in base["repetitions"]
    ]  # fmt: skip
    header = [
        "traffic",
        "bar",
        "alarms",
        "mean events to one",
        "each draw",
        "far 10 %: events to the alarm",
        "inactive",
        "held",
    ]
    return _table(header, rows)


def _delays(base: Record) -> str:
    methods = [method for method in METHODS if any(row["method"] == method for row in base["delays"])]
    found = [cell for cell in CELLS if delay_of(base, WEIR, cell.name)]
    rows = [[cell.name, *(_told(delay_of(base, method, cell.name)) for method in methods)] for cell in found]
    return _table(["change", *methods], rows)


def _told(row: Record | None) -> str:
    if row is None:
        return ""
    return interval(row, "median") + ("" if row["detected"] >= 0.95 else f" [{row['detected']:.2f}]")


def _windows(results: Record) -> str:
    methods = list(dict.fromkeys(row["method"] for row in results["evidently"]))
    theirs = {(row["method"], row["change"]): f"{row['flagged']:.2f}" for row in results["evidently"]}
    first = next(iter(results["bases"].values()))
    rows = [
        [row["change"], f"{row['flagged']:.2f}", *(theirs.get((method, row["change"]), "") for method in methods)]
        for row in first["skew"]
    ]
    return _table(["change", "weir skew test, alpha 0.05", *(f"Evidently {method}" for method in methods)], rows)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(header)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
