"""Peers on the same streams: river's ADWIN and Page-Hinkley on the bank's own kNN score, and the tumbling centroid.

All have their threshold matched to the asked run length on the streams without change (an oracle), as the window MMD has.
River's detectors get the score that is most of the bank's success, so they are peers of its tests, not of its scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from river.drift import ADWIN, PageHinkley

from .streams import Floats, Rows

CENTROID_WINDOW_EVENTS = 200
"""Events of a tumbling window (the study's setting for the peer)."""

MATCHING_STREAMS = 16
"""Streams without change on which river's parameters are matched: it is folded event by event in Python."""

_HALVINGS = 7
"""Steps of the search: `strictness` is then known to 1 / 128."""


@dataclass(frozen=True, slots=True)
class RiverPeer:
    """A detector of river with one parameter; it alarms more rarely as `strictness` grows from 0 to 1."""

    name: str
    make: Callable[[float], Any]
    parameter: Callable[[float], float]


def _adwin(delta: float) -> Any:
    return ADWIN(delta=delta)  # type: ignore[no-untyped-call]  # river has no types


def _page_hinkley(threshold: float) -> Any:
    return PageHinkley(threshold=threshold)


RIVER_PEERS = (
    RiverPeer("ADWIN on kNN", _adwin, lambda strictness: 10.0 ** (-6.0 * strictness)),
    RiverPeer(
        "Page-Hinkley on kNN",
        _page_hinkley,
        lambda strictness: 10.0 ** (-1.0 + 3.5 * strictness),
    ),
)


def river_alarms(peer: RiverPeer, parameter: float, stream: Floats, *, once: bool = False) -> list[int]:
    """Events of `stream` (scores) at which a detector alarms, a new one after each; with `once` the first alone."""
    found = []
    detector = peer.make(parameter)
    for event, score in enumerate(stream.tolist()):
        detector.update(score)
        if detector.drift_detected:
            found.append(event)
            if once:
                break
            detector = peer.make(parameter)
    return found


def matched_river(peer: RiverPeer, streams: Floats, arl_events: float) -> tuple[float, int]:
    """The laxest parameter found by halving whose run length on `streams` is at least `arl_events`, and its alarms."""
    low, high = 0.0, 1.0
    kept = peer.parameter(high), 0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        alarms = sum(len(river_alarms(peer, peer.parameter(middle), stream)) for stream in streams)
        if alarms * arl_events <= streams.size:
            high, kept = middle, (peer.parameter(middle), alarms)
        else:
            low = middle
    return kept


def river_first(peer: RiverPeer, parameter: float, streams: Floats) -> Rows:
    """The first alarm of each stream, -1 for none."""
    found = (river_alarms(peer, parameter, stream, once=True) for stream in streams)
    return np.array([alarms[0] if alarms else -1 for alarms in found], dtype=np.int64)


def centroid_statistics(
    vectors: npt.NDArray[np.float32], reference: Rows, rows: Rows, phases: Rows
) -> npt.NDArray[np.float32]:
    """Distance of each stream's tumbling windows (streams, windows) to the reference's mean; a stream's first window
    begins at its phase.
    """
    window, centre = CENTROID_WINDOW_EVENTS, vectors[reference].mean(axis=0)
    count = (rows.shape[1] - window + 1) // window
    found = np.empty((len(rows), count), dtype=np.float32)
    for stream, (arrivals, phase) in enumerate(zip(rows, phases, strict=True)):
        cut = vectors[arrivals[phase : phase + count * window]].reshape(count, window, -1)
        found[stream] = np.linalg.norm(cut.mean(axis=1) - centre, axis=1)
    return found


def centroid_first(statistics: npt.NDArray[np.float32], phases: Rows, threshold: float) -> Rows:
    """The event at which each stream's first window above `threshold` closes, -1 for none."""
    above = statistics >= threshold
    closes = phases + (above.argmax(axis=1) + 1) * CENTROID_WINDOW_EVENTS - 1
    return np.where(above.any(axis=1), closes, -1)
