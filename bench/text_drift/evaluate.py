"""Evaluate: run lengths and delays of the bank, and of the window MMD beside it on the same streams, for one draw.

Weir's thresholds come from the reference alone; the peer's is set on the very streams it is judged by, so that it has
the asked run length exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from . import window_mmd
from .cells import ARL_TARGET, CHANGE_AT, Cell
from .embeddings import EmbeddedCorpus
from .fold import Alarms, count_alarms, first_alarms
from .matching import count_alarms as count_above
from .matching import matched_threshold
from .scores import Scores
from .streams import Draw, Rows, changed, document_order, generator, independent, one_turn, sessions
from .window_mmd import WINDOW_EVENTS, Kernel


@dataclass(frozen=True, slots=True)
class Size:
    """How much is run: a draw's null streams, and the streams of each cell."""

    draws: int
    null_streams: int
    null_events: int
    cell_streams: int


MMD, MMD_MATCHED = "MMD", "MMD at Weir's ARL"
"""Names of the window MMD with its threshold at the asked run length, and at the one that Weir has."""

FULL = Size(draws=4, null_streams=64, null_events=15_000, cell_streams=48)
QUICK = Size(draws=2, null_streams=64, null_events=5_000, cell_streams=24)
_DAMAGED = 16, 3_000
"""Streams and events of traffic that no detector here is made for: alarms come at once."""


@dataclass(slots=True)
class DrawResult:
    """Of one draw: false alarms and events by method and traffic; first alarms by method and cell; alarms by part."""

    false_alarms: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    first: dict[tuple[str, str], Rows] = field(default_factory=dict)
    parts: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)

    def add(self, other: DrawResult) -> None:
        """Take in what another method gave."""
        self.false_alarms |= other.false_alarms
        self.first |= other.first
        self.parts |= other.parts
        self.thresholds |= other.thresholds


Signalled = Callable[[str], None]


def null_streams(corpus: EmbeddedCorpus, draw: Draw, size: Size) -> dict[str, Rows]:
    """Normal traffic by kind, (streams, events) each."""
    streams, events = size.null_streams, size.null_events
    # One in 32 sessions stays out; a little more than enough, then cut to equal length.
    in_sessions = sessions(draw, corpus.documents, streams, 5 * (events + events // 20))
    entered = one_turn(in_sessions, generator(draw, "turns"))
    shortest = min(events, *(stream.size for stream in entered))
    few, short = _DAMAGED
    return {
        "i.i.d.": independent(draw, streams, events),
        "sessions, one turn": np.stack([stream[:shortest] for stream in entered]),
        "sessions, every turn": in_sessions[:few, :short],
        "document order": document_order(draw, corpus.documents, few, short),
    }


def evaluate_bank(
    corpus: EmbeddedCorpus,
    draw: Draw,
    scores: Scores,
    nulls: dict[str, Rows],
    cells: Sequence[Cell],
    size: Size,
    told: Signalled,
) -> DrawResult:
    """The bank on every null stream and every cell, warnings and pages."""
    result = DrawResult()
    for kind, rows in nulls.items():
        told(f"weir, {kind}")
        alarms = count_alarms(scores, rows, _ties(draw, kind, rows))
        result.false_alarms["weir", kind] = alarms.count, alarms.events
        result.parts[f"no change, {kind}"] = alarms.parts
    rows = nulls["i.i.d."]
    pages = count_alarms(scores, rows, _ties(draw, "i.i.d.", rows), page=True)
    result.false_alarms["weir page", "i.i.d."] = pages.count, pages.events
    for cell in cells:
        told(f"weir, {cell.name}")
        rows = cell_streams(corpus, draw, cell, size)
        alarms = first_alarms(scores, rows, _ties(draw, cell.name, rows))
        result.first["weir", cell.name] = alarms.first
        result.parts[cell.name] = alarms.parts
        if cell.page_bar is not None:
            result.first["weir page", cell.name] = _pages(scores, draw, cell, rows).first
    return result


def evaluate_mmd(
    corpus: EmbeddedCorpus,
    draw: Draw,
    kernel: Kernel,
    nulls: dict[str, Rows],
    cells: Sequence[Cell],
    size: Size,
    told: Signalled,
    own_arl_events: float,
) -> DrawResult:
    """The window MMD on the same streams, twice: its threshold matched on the i.i.d. ones at the asked run length, and at
    the `own_arl_events` that Weir has on them. The first allows it more false alarms than Weir gives, the second as many.
    """
    result = DrawResult()
    for kind, rows in nulls.items():
        told(f"MMD, {kind}")
        statistics = window_mmd.trajectories(kernel, draw.reference, rows)
        if kind == "i.i.d.":
            for method, arl_events in ((MMD, ARL_TARGET), (MMD_MATCHED, own_arl_events)):
                result.thresholds[method] = matched_threshold(statistics, arl_events, WINDOW_EVENTS)
        for method, threshold in result.thresholds.items():
            result.false_alarms[method, kind] = count_above(statistics, threshold, WINDOW_EVENTS), rows.size
    for cell in cells:
        told(f"MMD, {cell.name}")
        rows = cell_streams(corpus, draw, cell, size)
        for method, threshold in result.thresholds.items():
            result.first[method, cell.name] = window_mmd.first_alarms(kernel, draw.reference, rows, threshold)
    return result


def cell_streams(corpus: EmbeddedCorpus, draw: Draw, cell: Cell, size: Size) -> Rows:
    """The streams of a cell: the same for every method."""
    return changed(draw, corpus.rows(cell.pool), cell.profile, size.cell_streams, CHANGE_AT, cell.name)


def _pages(scores: Scores, draw: Draw, cell: Cell, rows: Rows) -> Alarms:
    return first_alarms(scores, rows, _ties(draw, cell.name, rows), page=True)


def _ties(draw: Draw, name: str, rows: Rows) -> npt.NDArray[np.float64]:
    return generator(draw, f"ties {name}").random(rows.shape)
