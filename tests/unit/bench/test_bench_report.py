"""What the drift benchmark says follows from what it measured: bars held and not held, losses named, figures quoted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.text_drift.cells import CELLS, CHANGE_AT
from bench.text_drift.evaluate import MMD, MMD_MATCHED, DrawResult
from bench.text_drift.figures import figures
from bench.text_drift.must_show import Shown, interval, shown, shown_costs
from bench.text_drift.report import closing_tables, delay_table
from bench.text_drift.skew_power import NO_CHANGE, rates
from bench.text_drift.summary import PART_NAMES, Record, delay_of, run_length_of, summary

NEAR = next(cell for cell in CELLS if cell.name == "near 100%")
FAR = next(cell for cell in CELLS if cell.name == "far 10%")


def drawn(near: int, far: int, mmd_near: int = 40, false_alarms: int = 20, matched_near: int = 45) -> DrawResult:
    """A draw whose 30 runs of two cells all alarm after so many events."""
    result = DrawResult()
    for kind in ("i.i.d.", "sessions, one turn"):
        result.false_alarms["weir", kind] = false_alarms, 120_000
        result.false_alarms[MMD, kind] = 24, 120_000
        result.parts[f"no change, {kind}"] = np.zeros(len(PART_NAMES), dtype=np.int64)
    result.false_alarms["weir page", "i.i.d."] = 0, 120_000
    for cell, own, peer, matched in ((NEAR, near, mmd_near, matched_near), (FAR, far, 400, 450)):
        result.first["weir", cell.name] = np.full(30, CHANGE_AT + own - 1)
        result.first[MMD, cell.name] = np.full(30, CHANGE_AT + peer - 1)
        result.first[MMD_MATCHED, cell.name] = np.full(30, CHANGE_AT + matched - 1)
        result.parts[cell.name] = np.eye(len(PART_NAMES), dtype=np.int64)[0] * 30
    result.first["weir page", FAR.name] = np.full(30, -1)
    return result


def row(rows: list[Shown], what: str) -> Shown:
    return next(found for found in rows if found.what == what)


def test_summary_pools_draws_and_keeps_each() -> None:
    base = summary([drawn(10, 50), drawn(20, 50, false_alarms=10)], CELLS)
    pooled = run_length_of(base, "weir", "i.i.d.")
    assert pooled is not None
    assert (pooled["mean"], [draw["mean"] for draw in pooled["draws"]]) == (8_000.0, [6_000.0, 12_000.0])
    found = delay_of(base, "weir", "near 100%")
    assert found is not None
    assert (found["runs"], found["median"], found["p90"]) == (60, 10.0, 20.0)
    assert json.loads(json.dumps(base)) == base


def test_bars_are_held_or_not() -> None:
    rows = shown(summary([drawn(25, 61)], CELLS))
    assert row(rows, "near 100%").held
    assert not row(rows, "far 10%").held
    assert row(rows, "ARL, i.i.d., 1 draws together").held
    assert row(rows, "ARL of pages, i.i.d.").held  # no alarm at all
    assert not row(rows, "page, far 10%").held  # never found within the horizon
    assert row(rows, "cells slower than MMD at matched ARL").held
    assert row(rows, "cells slower than MMD at ARL 5,000").held


@pytest.mark.capability("X2")
@pytest.mark.parametrize(("false_alarms", "held"), [(25, False), (24, True), (8, True), (7, False)])
def test_a_run_length_must_be_neither_short_nor_wasted(false_alarms: int, held: bool) -> None:
    rows = shown(summary([drawn(10, 50, false_alarms=false_alarms)], CELLS))
    assert row(rows, "ARL, i.i.d., 1 draws together").held is held


@pytest.mark.capability("X2")
def test_a_loss_against_the_peer_is_named() -> None:
    rows = shown(summary([drawn(12, 50, mmd_near=11, matched_near=12)], CELLS))
    lost = row(rows, "cells slower than MMD at ARL 5,000")
    assert (lost.held, lost.weir) == (False, "1 of 2: near 100% (12 against 11)")
    assert row(rows, "cells slower than MMD at matched ARL").held  # as fast is not slower


def test_an_endless_time_is_a_dash() -> None:
    assert interval({"median": None, "low": 12.0, "high": None}, "median") == "- (12 or more)"
    assert interval({"median": None, "low": None, "high": None}, "median") == "-"
    assert interval({"median": 3.0, "low": 2.0, "high": 1_200.0}, "median") == "3 (2-1,200)"


def test_skew_rates_have_exact_intervals() -> None:
    flags = [{NO_CHANGE: np.array([False] * 50)}, {NO_CHANGE: np.array([True] + [False] * 49)}]
    (found,) = rates(flags)
    assert (found["windows"], found["flagged"]) == (100, 0.01)
    assert found["low"] < 0.001 < 0.05 < found["high"] < 0.06


def results() -> Record:
    base = summary([drawn(25, 61)], CELLS) | {"skew": rates([{NO_CHANGE: np.array([False] * 99 + [True])}])}
    cost = {
        "weir_single_us": 250.0, "weir_batched_us": 130.0, "mmd_online_us": 650.0, "weir_reference_bytes": 3.5e6,
        "weir_state_bytes": 2e4, "mmd_state_bytes": 3.1e6, "weir_fit_s": 2.0,
    }  # fmt: skip
    evidently = [{"method": "MMD > 0.015", "change": NO_CHANGE, "flagged": 0.5, "windows": 2, "ms": 9.0}]
    return {
        "command": "make bench-drift", "seconds": 60, "cpus": 2, "load_before": 1.0, "load_after": 2.0,
        "bases": {"first": base, "held-out": base}, "cost": cost, "evidently": evidently, "left_out": {"alibi": "no wheel"},
    }  # fmt: skip


def test_costs_have_bars_too() -> None:
    held = {found.what: found.held for found in shown_costs(results())}
    assert held == {
        "CPU us an event, one at a time": True,
        "CPU us an event, batches of 64": False,
        "MB a stream": True,
        "online MMD in bare numpy / batched": True,
    }


def test_figures_quote_every_part_and_what_was_left_out() -> None:
    told = figures(results())
    for quoted in ("| far 10% | 61 (61-61) | 400 (400-400) |", "**no**", "alibi was left out: no wheel", "0.50", "130"):
        assert quoted in told
    for block in told.split("\n\n"):
        lines = block.splitlines()
        assert not block.startswith("|") or len({line.count("|") for line in lines}) == 1


def test_tables_hold_a_row_for_every_cell_measured() -> None:
    told = results()
    assert delay_table("first", told["bases"]["first"]).row_count == 2
    assert [table.row_count > 0 for table in closing_tables(told)] == [True, True, True]
