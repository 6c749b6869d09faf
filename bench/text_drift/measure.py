"""Measure: a base over all its draws, with progress on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress

from weir.detectors.settings import BankSettings

from . import window_mmd
from .cells import CELLS, Cell
from .embeddings import EmbeddedCorpus, embedded_corpus
from .evaluate import MMD, DrawResult, Size, evaluate_bank, evaluate_mmd, null_streams
from .evaluate_peers import evaluate_peers
from .evaluate_repetitions import repetition_rows
from .peers import RIVER_PEERS
from .repetitions import Repetition
from .scores import observations_of, score
from .skew_power import CHANGES, skew_flags, windows
from .streams import Draw, draw
from .summary import Record
from .traces import trace

TRACED = next(cell for cell in CELLS if cell.name == "middle 10%")


@dataclass(slots=True)
class Measured:
    """Results of every draw, skew flags of every draw, and one stream's statistics."""

    draws: list[DrawResult] = field(default_factory=list)
    skew: list[dict[str, npt.NDArray[np.bool_]]] = field(default_factory=list)
    trace: Record | None = None


def load(name: str, out: Console) -> EmbeddedCorpus:
    """The corpus `name`, fetched, cut and embedded where it is not yet."""
    with Progress(console=out, transient=True) as progress:
        task = progress.add_task(f"{name}: texts and embeddings (once)", total=None)
        return embedded_corpus(name, lambda done, total: progress.update(task, completed=done, total=total))


def measure(
    corpus: EmbeddedCorpus, cells: Sequence[Cell], size: Size, out: Console, *, mmd: bool, all_peers: bool
) -> Measured:
    """Everything about one base. `mmd` adds the window MMD, `all_peers` the others and the skew test."""
    observations, settings, measured = observations_of(corpus), BankSettings(), Measured()
    steps = (len(cells) + 4) * (1 + mmd) + all_peers * ((len(cells) + 1) * (len(RIVER_PEERS) + 1) + len(CHANGES) + 1)
    with Progress(console=out, transient=True) as progress:
        task = progress.add_task(corpus.name, total=size.draws * steps)

        def told(what: str) -> None:
            progress.update(task, description=f"{corpus.name}: {what}", advance=1)

        for number in range(size.draws):
            split = draw(corpus.rows("base"), number)
            nulls = null_streams(corpus, split, size)
            scores = score(observations, split, settings)
            result = evaluate_bank(corpus, split, scores, nulls, cells, size, told)
            if mmd:
                kernel = window_mmd.kernel_of(corpus.vectors, split.reference)
                alarms, events = result.false_alarms["weir", "i.i.d."]
                own_arl_events = events / max(alarms, 1)
                peer = evaluate_mmd(corpus, split, kernel, nulls, cells, size, told, own_arl_events)
                result.add(peer)
                if measured.trace is None:
                    measured.trace = trace(corpus, split, scores, kernel, peer.thresholds[MMD], TRACED)
            if all_peers:
                result.add(evaluate_peers(corpus, split, scores, nulls, cells, size, told))
                measured.skew.append(_skew(corpus, split, told))
            measured.draws.append(result)
    return measured


def measure_repetitions(corpus: EmbeddedCorpus, kinds: Sequence[Repetition], draws: int, out: Console) -> list[Record]:
    """The bank on these kinds of traffic that repeats itself."""
    with Progress(console=out, transient=True) as progress:
        task = progress.add_task(corpus.name, total=draws * len(kinds))

        def told(what: str) -> None:
            progress.update(task, description=f"{corpus.name}: {what}", advance=1)

        return repetition_rows(kinds, corpus, observations_of(corpus), draws, told)


def _skew(corpus: EmbeddedCorpus, split: Draw, told: Callable[[str], None]) -> dict[str, npt.NDArray[np.bool_]]:
    return skew_flags(corpus, split, windows(corpus, split), told)
