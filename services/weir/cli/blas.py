"""BLAS: one thread for it, asked for before numpy is loaded; `weir.drift.adapters.linear_algebra` says why."""

from __future__ import annotations

import os
import sys

THREADS_VARIABLE = "OPENBLAS_NUM_THREADS"


def require_one_thread() -> None:
    """Before numpy is first imported: its library reads the number once, when it is loaded.

    Raises RuntimeError, a mistake of ours, when numpy was imported with another number.
    """
    if "numpy" in sys.modules and os.environ.get(THREADS_VARIABLE) != "1":
        raise RuntimeError(f"numpy was imported before {THREADS_VARIABLE}=1; a replay would not repeat its sums")
    os.environ[THREADS_VARIABLE] = "1"
