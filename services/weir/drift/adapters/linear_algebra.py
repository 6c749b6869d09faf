"""Linear algebra: which one sums were computed with, because their last bits depend on the order of their terms.

Three things choose that order: numpy's build, the number of threads (one, as the stack runs it), and the kernels that
OpenBLAS picks for the processor, which its OPENBLAS_* variables can change. Measured: one reference of 1,000 events led
to a threshold of 22.190171612 with the kernels for Haswell and of 22.190169436 with those for SkylakeX, on one machine.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import platform

import numpy as np

_CORE_NAME_SYMBOLS = ("scipy_openblas_get_corename64_", "scipy_openblas_get_corename", "openblas_get_corename")
"""Names of one function, in numpy's own wheels and in builds against the system's library."""


def computed_with() -> dict[str, str]:
    """What hashes of replays may differ by, for the same input."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "blas_kernels": _kernels(),
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", ""),
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
