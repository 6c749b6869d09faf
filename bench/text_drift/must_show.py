"""Must show: every bar of issue 5 that this benchmark measures, what was measured, and whether it is held.

The bars are for the first base. What the held-out base gave stands beside it, never edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .cells import ARL_AT_MOST, ARL_TARGET, CELLS, PAGE_ARL_TARGET, SESSION_ARL_SHARE
from .evaluate import MMD, MMD_MATCHED
from .skew_power import BARS as SKEW_BARS
from .summary import PAGE, WEIR, Record, delay_of, run_length_of


@dataclass(frozen=True, slots=True)
class Shown:
    """One bar: on a base, what Weir and the window MMD gave as text, and whether the bar is held (None: no such bar)."""

    item: str
    what: str
    bar: str
    weir: str
    mmd: str
    held: bool


def shown(base: Record) -> list[Shown]:
    """Rows of items 1, 2, 3 and 5 for one base."""
    return [*_run_lengths(base), *_delays(base), *_against_mmd(base), *_pages(base), *_skew(base)]


def shown_costs(results: Record) -> list[Shown]:
    """Rows of item 4: measured once, on the first base."""
    cost, alibi = results.get("cost"), results.get("alibi")
    if not cost:
        return []
    peer_us, size = cost["mmd_online_us"], (cost["weir_reference_bytes"] + cost["weir_state_bytes"]) / 1e6
    single, batched = cost["weir_single_us"], cost["weir_batched_us"]
    rows = [
        Shown("4", "CPU us an event, one at a time", "<= 300", f"{single:.0f}", f"{peer_us:.0f}", single <= 300),
        Shown("4", "CPU us an event, batches of 64", "<= 120", f"{batched:.0f}", f"{peer_us:.0f}", batched <= 120),
        Shown("4", "MB a stream", "<= 4", f"{size:.2f}", f"{cost['mmd_state_bytes'] / 1e6:.2f}", size <= 4),
        _times("online MMD in bare numpy / batched", peer_us, batched),
    ]
    if alibi:
        rows.append(_times("alibi-detect's online MMD / batched", alibi["event_us"], batched))
        rows.append(_times("alibi-detect's online MMD / one at a time", alibi["event_us"], single))
    return rows


def _times(what: str, peer_us: float, own_us: float) -> Shown:
    return Shown("4", what, ">= 5", f"{peer_us / own_us:.1f} times", f"{peer_us:.0f} us", peer_us >= 5 * own_us)


def interval(row: Mapping[str, float | None] | None, value: str) -> str:
    """`12 (10-15)`; a dash stands for a time beyond the horizon, `12 (10 or more)` for an interval that reaches there."""
    if row is None:
        return ""
    if row["low"] is None:
        return "-"
    low, high = number(row["low"]), row["high"]
    return f"{number(row[value])} ({low} or more)" if high is None else f"{number(row[value])} ({low}-{number(high)})"


def number(value: float | None) -> str:
    """A count of events with thousands separated; a dash for None."""
    return "-" if value is None else f"{value:,.0f}"


def _run_lengths(base: Record) -> Iterator[Shown]:
    least = SESSION_ARL_SHARE * ARL_TARGET
    for traffic, low, high, bar in (
        ("i.i.d.", ARL_TARGET, ARL_AT_MOST, f"{ARL_TARGET:,} to {ARL_AT_MOST:,}"),
        ("sessions, one turn", least, None, f">= {least:,.0f}"),
    ):
        row = run_length_of(base, WEIR, traffic)
        if row is None:
            continue
        mean = row["mean"] if row["mean"] is not None else float("inf")
        held = mean >= low and (high is None or mean <= high)
        peer = interval(run_length_of(base, MMD, traffic), "mean")
        yield Shown("1", f"ARL, {traffic}, {len(row['draws'])} draws together", bar, interval(row, "mean"), peer, held)
        each = [draw["mean"] for draw in row["draws"]]
        worst = min((mean for mean in each if mean is not None), default=float("inf"))
        yield Shown("1", f"ARL, {traffic}, lowest draw", f">= {low:,.0f}", number(worst), "", worst >= low)


def _delays(base: Record) -> Iterator[Shown]:
    for cell in CELLS:
        row, peer = delay_of(base, WEIR, cell.name), delay_of(base, MMD, cell.name)
        if cell.bar is not None and row is not None:
            held = row["median"] is not None and row["median"] <= cell.bar
            yield Shown("2", cell.name, f"<= {cell.bar:,.0f}", interval(row, "median"), interval(peer, "median"), held)


def _pages(base: Record) -> Iterator[Shown]:
    row = run_length_of(base, PAGE, "i.i.d.")
    if row is not None:
        mean = row["mean"] if row["mean"] is not None else float("inf")
        bar = f">= {PAGE_ARL_TARGET:,}"
        yield Shown("3", "ARL of pages, i.i.d.", bar, interval(row, "mean"), "", mean >= PAGE_ARL_TARGET)
    for cell in CELLS:
        row = delay_of(base, PAGE, cell.name)
        if cell.page_bar is not None and row is not None:
            held = row["median"] is not None and row["median"] <= cell.page_bar
            yield Shown("3", f"page, {cell.name}", f"<= {cell.page_bar:,.0f}", interval(row, "median"), "", held)


def _skew(base: Record) -> Iterator[Shown]:
    for row in base.get("skew", ()):
        if row["change"] in SKEW_BARS:
            relation, bar = SKEW_BARS[row["change"]]
            held = row["flagged"] >= bar if relation == ">=" else row["flagged"] <= bar
            told = f"{row['flagged']:.3f} ({row['low']:.3f}-{row['high']:.3f})"
            yield Shown("5", f"skew test flags, n = 200, {row['change']}", f"{relation} {bar}", told, "", held)


def _against_mmd(base: Record) -> Iterator[Shown]:
    """How many cells the window MMD finds faster, by median, and which: first with as few false alarms as Weir has on the
    same streams (matched), then with the asked run length, which is more of them.
    """
    for peer, what in (
        (MMD_MATCHED, "cells slower than MMD at matched ARL"),
        (MMD, f"cells slower than MMD at ARL {ARL_TARGET:,}"),
    ):
        cells = [(delay_of(base, WEIR, cell.name), delay_of(base, peer, cell.name)) for cell in CELLS]
        compared = [(own, theirs) for own, theirs in cells if own is not None and theirs is not None]
        slower = [
            f"{own['cell']} ({number(own['median'])} against {number(theirs['median'])})"
            for own, theirs in compared
            if _time(own) > _time(theirs)
        ]
        if compared:
            told = f"{len(slower)} of {len(compared)}" + (f": {'; '.join(slower)}" if slower else "")
            yield Shown("2", what, "none", told, "", not slower)


def _time(row: Record) -> float:
    return float("inf") if row["median"] is None else float(row["median"])
