"""Evaluate peers: river's detectors and the tumbling centroid on the streams of one draw, thresholds matched."""

from __future__ import annotations

from collections.abc import Sequence

from .cells import ARL_TARGET, Cell
from .embeddings import EmbeddedCorpus
from .evaluate import DrawResult, Signalled, Size, cell_streams
from .matching import count_alarms, matched_threshold
from .peers import (
    CENTROID_WINDOW_EVENTS,
    MATCHING_STREAMS,
    RIVER_PEERS,
    centroid_first,
    centroid_statistics,
    matched_river,
    river_first,
)
from .scores import Scores
from .streams import Draw, Rows, generator


def evaluate_peers(
    corpus: EmbeddedCorpus,
    draw: Draw,
    scores: Scores,
    nulls: dict[str, Rows],
    cells: Sequence[Cell],
    size: Size,
    told: Signalled,
) -> DrawResult:
    """River's detectors on the kNN score (a third of the streams) and the tumbling centroid (all of them)."""
    result = DrawResult()
    _river(corpus, draw, scores, nulls["i.i.d."], cells, size, told, result)
    _centroid(corpus, draw, nulls["i.i.d."], cells, size, told, result)
    return result


def _river(
    corpus: EmbeddedCorpus,
    draw: Draw,
    scores: Scores,
    null: Rows,
    cells: Sequence[Cell],
    size: Size,
    told: Signalled,
    result: DrawResult,
) -> None:
    null = null[:MATCHING_STREAMS]
    for peer in RIVER_PEERS:
        told(f"{peer.name}, parameter")
        parameter, alarms = matched_river(peer, scores.novelty[null], ARL_TARGET)
        result.false_alarms[peer.name, "i.i.d."] = alarms, null.size
        result.thresholds[peer.name] = parameter
        for cell in cells:
            told(f"{peer.name}, {cell.name}")
            rows = cell_streams(corpus, draw, cell, size)[:MATCHING_STREAMS]
            result.first[peer.name, cell.name] = river_first(peer, parameter, scores.novelty[rows])


def _centroid(
    corpus: EmbeddedCorpus,
    draw: Draw,
    null: Rows,
    cells: Sequence[Cell],
    size: Size,
    told: Signalled,
    result: DrawResult,
) -> None:
    told("centroid, threshold")
    # A window may have begun at any event before the change: each stream has a phase of its own.
    phases = generator(draw, "phases").integers(CENTROID_WINDOW_EVENTS, size=max(len(null), size.cell_streams))
    statistics = centroid_statistics(corpus.vectors, draw.reference, null, phases[: len(null)])
    threshold = result.thresholds["centroid"] = matched_threshold(statistics, ARL_TARGET / CENTROID_WINDOW_EVENTS, 0)
    alarms = count_alarms(statistics, threshold, 0)
    result.false_alarms["centroid", "i.i.d."] = alarms, statistics.size * CENTROID_WINDOW_EVENTS
    for cell in cells:
        told(f"centroid, {cell.name}")
        rows = cell_streams(corpus, draw, cell, size)
        own = phases[: len(rows)]
        found = centroid_statistics(corpus.vectors, draw.reference, rows, own)
        result.first["centroid", cell.name] = centroid_first(found, own, threshold)
