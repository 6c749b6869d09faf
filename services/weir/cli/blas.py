"""BLAS: which linear algebra a replay is computed with, because the last bits of a sum depend on the order of its terms.

Three things choose that order: numpy's build, the number of threads (pinned to one here), and the kernels that OpenBLAS
picks for the processor, which its OPENBLAS_* variables can change. Measured: one reference of 1,000 events led to a
threshold of 22.190171612 with the kernels for Haswell and of 22.190169436 with those for SkylakeX, on one machine.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import sys

THREADS_VARIABLE = "OPENBLAS_NUM_THREADS"

_CORE_NAME_SYMBOLS = ("scipy_openblas_get_corename64_", "scipy_openblas_get_corename", "openblas_get_corename")
"""Names of one function, in numpy's own wheels and in builds against the system's library."""


def require_one_thread() -> None:
    """Before numpy is first imported: its library reads the number once, when it is loaded.

    Raises RuntimeError, a mistake of ours, when numpy was imported with another number.
    """
    if "numpy" in sys.modules and os.environ.get(THREADS_VARIABLE) != "1":
        raise RuntimeError(f"numpy was imported before {THREADS_VARIABLE}=1; a replay would not repeat its sums")
    os.environ[THREADS_VARIABLE] = "1"


def computed_with() -> dict[str, str]:
    """What hashes of replays may differ by, for the same input. Imports numpy."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "blas_kernels": _kernels(),
        "blas_threads": os.environ.get(THREADS_VARIABLE, ""),
        "machine": platform.machine(),
    }


def _kernels() -> str:
    """The processor for which OpenBLAS runs its kernels; `unknown` for another library."""
    library = ctypes.CDLL(str(importlib.import_module("numpy._core._multiarray_umath").__file__))
    for symbol in _CORE_NAME_SYMBOLS:
        function = getattr(library, symbol, None)
        if function is not None:
            function.restype = ctypes.c_char_p
            return str(function().decode())
    return "unknown"
