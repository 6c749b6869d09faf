"""What runs in processes of its own: costs (one thread for linear algebra), Evidently and alibi-detect, the plots.

A peer whose environment does not install, or that fails, is told with its reason and left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weir.cli.stack.layout import repository

from .embeddings import FOLDER, EmbeddedCorpus
from .environments import NotInstalled, python_of
from .skew_power import windows
from .streams import draw
from .summary import Record

HERE = Path(__file__).parent
EVIDENTLY_REFERENCE, EVIDENTLY_WINDOWS = 1_000, 25
"""Texts of the reference (the study's setting) and windows of each kind given to Evidently."""

ALIBI_EVENTS = 500
"""Events timed. Arbitrary: any value from 100 to 2,000 would do; each costs the peer as much as the one before."""
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def costs() -> Record:
    """CPU time and size of the bank and of the cheapest online MMD, and of alibi-detect's where it runs."""
    found: Record = json.loads(_run([sys.executable, "-m", "bench.text_drift.cost"]))
    return found


def alibi_cost(corpus: EmbeddedCorpus) -> Record:
    """CPU time of alibi-detect's online MMD. Raises NotInstalled."""
    split = draw(corpus.rows("base"), 0)
    given = FOLDER / "alibi.npz"
    np.savez(given, reference=corpus.vectors[split.reference], events=corpus.vectors[split.test[:ALIBI_EVENTS]])
    found: Record = json.loads(_peer("alibi", "alibi_cost.py", given))
    return found


def evidently_rates(corpus: EmbeddedCorpus) -> list[Record]:
    """Share of windows that Evidently's methods flag, by change. Raises NotInstalled."""
    split = draw(corpus.rows("base"), 0)
    by_change = {name: rows[:EVIDENTLY_WINDOWS] for name, rows in windows(corpus, split).items()}
    arrays: Mapping[str, npt.NDArray[np.float32]] = {name: corpus.vectors[rows] for name, rows in by_change.items()}
    given = FOLDER / "evidently.npz"
    np.savez(given, reference=corpus.vectors[split.reference[:EVIDENTLY_REFERENCE]], **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle
    found: list[Record] = json.loads(_peer("evidently", "evidently_windows.py", given))
    return found


def draw_plots(results: Path) -> None:
    """Write the plots beside `results`. Raises NotInstalled."""
    _peer("plots", "plots.py", results)


def _peer(environment: str, script: str, argument: Path) -> str:
    """The last line that a script of an environment of its own prints."""
    return _run([str(python_of(environment)), str(HERE / script), str(argument)])


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, env={**os.environ, **_ONE_THREAD}, cwd=repository(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotInstalled(f"`{' '.join(command[1:3])}` failed: {' '.join(done.stderr.split())[-300:]}")
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else ""
