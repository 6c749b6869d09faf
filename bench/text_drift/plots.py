"""Plots of the benchmark as PNG: run by an environment of its own that has matplotlib.

`python plots.py results.json`: writes beside it `delay_by_mix.png`, `run_lengths.png` and `trace.png`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {
    "weir": "#0b6e4f",
    "weir page": "#7fb69e",
    "MMD": "#c1440e",
    "ADWIN on kNN": "#3b5b92",
    "Page-Hinkley on kNN": "#8f7ab8",
    "centroid": "#8a8a8a",
}
POOLS = ("near", "middle", "far", "narrow", "language", "synonym", "template", "truncated")
TRACED_EVENTS = 2_000
LATE = 6_000
"""Where a median beyond the horizon is drawn, as a triangle."""


def main(results_file: str) -> None:
    """Draw every plot."""
    path = Path(results_file)
    results = json.loads(path.read_text(encoding="utf-8"))
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130})
    delay_by_mix(results["bases"]).savefig(path.with_name("delay_by_mix.png"))
    run_lengths(results["bases"]).savefig(path.with_name("run_lengths.png"))
    if results.get("trace"):
        trace(results["trace"]).savefig(path.with_name("trace.png"))


def delay_by_mix(bases: dict[str, Any]) -> Any:
    """Median delay against the share of changed events, a panel for every pool, two rows of panels for every base."""
    columns = len(POOLS) // 2
    figure, axes = plt.subplots(2 * len(bases), columns, figsize=(13, 6.2 * len(bases)), sharey=True, squeeze=False)
    panels = [(name, pool) for name in bases for pool in POOLS]
    for axis, (name, pool) in zip(axes.ravel(), panels, strict=True):
        for method, colour in COLOURS.items():
            _delays(axis, bases[name]["delays"], pool, method, colour)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlim(0.008, 1.25)
        axis.set_xticks([0.01, 0.03, 0.1, 0.3, 1.0], ["1 %", "3 %", "10 %", "30 %", "100 %"])
        axis.minorticks_off()
        axis.set_title(f"{pool} ({name} base)")
        axis.grid(alpha=0.25)
    for axis in axes[:, 0]:
        axis.set_ylabel("events to the alarm")
    for axis in axes[-1]:
        axis.set_xlabel("share of changed events")
    drawn = {text: line for axis in axes.ravel() for line, text in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(drawn.values(), drawn.keys(), loc="upper center", ncols=len(COLOURS), frameon=False)
    figure.supxlabel("median and 95 % interval; a triangle: the median lies beyond the horizon", fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    return figure


def _delays(axis: Any, rows: list[dict[str, Any]], pool: str, method: str, colour: str) -> None:
    chosen = [
        row for row in rows if (row["pool"], row["kind"], row["method"]) == (pool, "constant", method) and row["runs"]
    ]
    chosen.sort(key=lambda row: row["mix"])
    found = [row for row in chosen if row["median"] is not None]
    late = [row["mix"] for row in chosen if row["median"] is None]
    if found:
        middle = [row["median"] for row in found]
        below = [row["median"] - row["low"] for row in found]
        above = [(LATE if row["high"] is None else row["high"]) - row["median"] for row in found]
        mixes = [row["mix"] for row in found]
        width = 2.0 if method == "weir" else 1.2
        axis.errorbar(
            mixes, middle, yerr=[below, above], color=colour, label=method, marker="o", ms=3.5, lw=width, capsize=2
        )
    axis.plot(late, [LATE] * len(late), color=colour, marker="^", ls="", ms=5)


def run_lengths(bases: dict[str, Any]) -> Any:
    """Mean events to a false alarm of every draw with its interval, beside the promise."""
    figure, axes = plt.subplots(1, len(bases), figsize=(7 * len(bases), 4.5), squeeze=False)
    for axis, (name, base) in zip(axes[0], bases.items(), strict=True):
        rows = [row for row in base["run_lengths"] if row["method"] in ("weir", "MMD")]
        labels = []
        for place, row in enumerate(rows):
            for number, draw in enumerate([*row["draws"], row]):
                _interval(
                    axis, place + (number - len(row["draws"]) / 2) * 0.11, draw, COLOURS[row["method"]], draw is row
                )
            labels.append(f"{row['method']}\n{row['traffic'].replace(', ', chr(10))}")
        axis.axhspan(5_000, 15_000, color=COLOURS["weir"], alpha=0.08, lw=0)
        axis.axhline(5_000, color="black", lw=0.8, ls="--")
        axis.set_xticks(range(len(rows)), labels, fontsize=7.5)
        axis.set_yscale("log")
        axis.set_title(f"{name} base: events to a false alarm, each draw (thin) and all (thick), 95 %")
    axes[0][0].set_ylabel("mean events; band: what issue 5 asks of i.i.d. traffic")
    figure.tight_layout()
    return figure


def _interval(axis: Any, place: float, row: dict[str, Any], colour: str, whole: bool) -> None:
    mean, high = row["mean"] or row["low"] * 4, row["high"] or row["low"] * 8
    errors = [[mean - row["low"]], [high - mean]]
    axis.errorbar(
        [place], [mean], yerr=errors, color=colour, marker="o", ms=5 if whole else 3, lw=2.2 if whole else 0.9
    )


def trace(told: dict[str, Any]) -> Any:
    """One stream: every statistic as a share of its threshold."""
    figure, axis = plt.subplots(figsize=(11, 4.5))
    for name, colour in (("MMD", COLOURS["MMD"]), ("mean EWMA", COLOURS["ADWIN on kNN"]), ("e-bank", COLOURS["weir"])):
        # An unbiased MMD is negative at times: a gap on this scale.
        values = [value if value and value > 0.0 else float("nan") for value in told[name]]
        axis.plot(range(len(values)), values, color=colour, lw=1.1, label=name)
    axis.axhline(1.0, color="black", lw=0.8, ls="--")
    axis.axvline(told["change"], color="black", lw=0.8)
    axis.annotate("change", (told["change"], 1e-4), xytext=(4, 4), textcoords="offset points")
    axis.annotate("threshold", (0, 1.0), xytext=(2, 3), textcoords="offset points")
    axis.set_yscale("log")
    axis.set_ylim(1e-4, 1e3)
    axis.set_xlim(0, TRACED_EVENTS)
    axis.set_xlabel("event")
    axis.set_ylabel("statistic / threshold")
    axis.set_title(f"One stream, {told['cell']}: what each detector sees")
    axis.legend(frameon=False)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main(sys.argv[1])
