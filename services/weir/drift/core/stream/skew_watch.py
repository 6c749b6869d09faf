"""Skew watch: fills windows of a stream's events and tests each against the evaluation dataset when it is full.

    watch, tested = watched(watch, observation, settings)      # tested is None until the window is full

Windows do not overlap, so that their errors do not repeat each other. A skewed window raises the alarm once; it ends
after some windows in a row that are not skewed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt

from weir.detectors.observation import FloatVector, Observation
from weir.detectors.skew import SkewReference, SkewResult, affected, dataset_piece, test_window
from weir.detectors.uniform import hash_of
from weir.drift.core.explanation_settings import ExplanationSettings
from weir.state import ARRAY, Apart

SEED_SALT = "weir drift skew"

AFFECTED_MAX = 64
"""Calls of a skewed window that a signal names (chosen: a third of a window)."""

Half = Annotated[npt.NDArray[np.float16], ARRAY]


@dataclass(frozen=True, slots=True, eq=False)
class WindowEvent:
    """One event of the window. `embedding`: rounded to half precision, 0.8 kB instead of 1.5 in every checkpoint; the
    cosine of a rounded vector is off by less than 1e-6.
    """

    request_id: str
    time_us: int
    embedding: Half


@dataclass(frozen=True, slots=True)
class TestedWindow:
    """A full window. `is_raised`: the alarm begins with it; `is_cleared`: it ends. `affected`: request ids, most first.
    `first_us`: time of its first event.
    """

    result: SkewResult
    is_raised: bool
    is_cleared: bool
    affected: tuple[str, ...]
    first_us: int


@dataclass(frozen=True, slots=True, eq=False)
class SkewWatch:
    """The dataset that a stream is compared with, and how far the comparison is."""

    reference: Annotated[SkewReference, Apart(dataset_piece)]
    author: str
    """Who set the reference."""
    model: str = ""
    """Whose embeddings the reference holds; empty where that was not said."""
    window: tuple[WindowEvent, ...] = ()
    """Events since the last test."""
    windows: int = 0
    """Tested so far."""
    quiet_windows: int = 0
    """Tested since one was skewed."""
    is_raised: bool = False
    """Whether the alarm is on."""
    last: SkewResult | None = None
    is_stale: bool = False
    """Whether the stream's embeddings come from another model, so that nothing is compared."""


def watched(
    watch: SkewWatch, observation: Observation, settings: ExplanationSettings
) -> tuple[SkewWatch, TestedWindow | None]:
    """The watch after one event. About 2 us; the event that fills the window about 20 ms with 2,000 items."""
    vector = observation.embedding
    if watch.is_stale or vector is None or vector.size != watch.reference.embeddings.shape[1]:
        return watch, None
    event = WindowEvent(observation.request_id, observation.event_time_us, vector.astype(np.float16))
    window = (*watch.window, event)
    if len(window) < settings.skew_window_events:
        return replace(watch, window=window), None
    # The window's last event seeds it: a replay draws the same relabelings, another window others.
    return _tested(watch, window, hash_of(observation.event_id, SEED_SALT), settings)


def fitting(watch: SkewWatch, model: str, dimensions: int) -> SkewWatch:
    """The watch of a stream whose embeddings are those of `model`; stale, with an empty window, when they differ."""
    is_stale = watch.model not in ("", model) or watch.reference.embeddings.shape[1] != dimensions
    if is_stale == watch.is_stale:
        return watch
    return replace(watch, window=(), is_stale=is_stale)


def reset(watch: SkewWatch) -> SkewWatch:
    """The watch with its alarm off and an empty window, against the same dataset."""
    return replace(watch, window=(), quiet_windows=0, is_raised=False)


def _tested(
    watch: SkewWatch, window: tuple[WindowEvent, ...], seed: int, settings: ExplanationSettings
) -> tuple[SkewWatch, TestedWindow]:
    matrix = np.stack([_vector(event) for event in window])
    result = test_window(watch.reference, matrix, seed)
    is_skewed = result.p_value <= settings.skew_alpha
    quiet = 0 if is_skewed else watch.quiet_windows + 1
    stays = watch.is_raised and quiet < settings.skew_clear_after_windows
    after = replace(
        watch,
        window=(),
        windows=watch.windows + 1,
        quiet_windows=quiet,
        is_raised=is_skewed or stays,
        last=result,
    )
    named = affected(watch.reference, matrix, result, AFFECTED_MAX) if is_skewed else []
    return after, TestedWindow(
        result=result,
        is_raised=is_skewed and not watch.is_raised,
        is_cleared=watch.is_raised and not after.is_raised,
        affected=tuple(window[i].request_id for i in named),
        first_us=window[0].time_us,
    )


def _vector(event: WindowEvent) -> FloatVector:
    return event.embedding.astype(np.float32)
