"""Summary: the figures of a base as plain values, pooled over its draws, ready for JSON and for tables.

Infinite times (no alarm within the horizon for half of the runs, or no false alarm at all) become None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from weir.detectors.mean_ewma import LAMBDAS

from .cells import CHANGE_AT, Cell
from .evaluate import DrawResult
from .run_lengths import Delay, RunLength, delay, run_length

Record = dict[str, Any]

WEIR, PAGE = "weir", "weir page"
PART_NAMES = ("e-bank", *(f"mean-ewma {weight:g}" for weight in LAMBDAS.astype(float)))


def summary(results: Sequence[DrawResult], cells: Sequence[Cell]) -> Record:
    """`run_lengths` by method and traffic, `delays` by cell and method, `parts` that alarmed first by cell."""
    kinds = dict.fromkeys(key for result in results for key in result.false_alarms)
    measured = dict.fromkeys(key for result in results for key in result.first)
    by_name = {cell.name: cell for cell in cells}
    return {
        "run_lengths": [_run_length(results, *key) for key in kinds],
        "delays": [_delay(results, method, by_name[name]) for method, name in measured],
        "parts": {
            name: dict(
                zip(PART_NAMES, np.sum([result.parts[name] for result in results], axis=0).tolist(), strict=True)
            )
            for name in (results[0].parts if results else ())
        },
    }


def run_length_of(base: Record, method: str, traffic: str) -> Record | None:
    """The run length of a summary, None where it was not measured."""
    return next((row for row in base["run_lengths"] if (row["method"], row["traffic"]) == (method, traffic)), None)


def delay_of(base: Record, method: str, cell: str) -> Record | None:
    """The delay of a summary, None where it was not measured."""
    return next((row for row in base["delays"] if (row["method"], row["cell"]) == (method, cell)), None)


def _run_length(results: Sequence[DrawResult], method: str, traffic: str) -> Record:
    counts = [result.false_alarms[method, traffic] for result in results if (method, traffic) in result.false_alarms]
    whole = run_length(sum(events for _, events in counts), sum(alarms for alarms, _ in counts))
    draws = [_plain(run_length(events, alarms)) for alarms, events in counts]
    return {"method": method, "traffic": traffic, **_plain(whole), "draws": draws}


def _delay(results: Sequence[DrawResult], method: str, cell: Cell) -> Record:
    first = [result.first[method, cell.name] for result in results if (method, cell.name) in result.first]
    found = delay(np.concatenate(first), CHANGE_AT)
    return {"cell": cell.name, "pool": cell.pool, "kind": cell.kind, "mix": cell.mix, "method": method, **_plain(found)}


def _plain(found: RunLength | Delay) -> Record:
    fields = {name: getattr(found, name) for name in found.__slots__}
    return {name: None if value == np.inf else value for name, value in fields.items()}
