"""Evidently's embedding drift methods on windows of 200 texts: run by an environment of its own.

`python evidently_windows.py windows.npz`: `reference` (n, d), and for every change an array (windows, 200, d). Prints JSON:
by method and change the share of windows flagged, and milliseconds a window. Thresholds are Evidently's defaults.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

BOOTSTRAPPED_WINDOWS, BOOTSTRAPPED_CHANGES = 10, ("no change", "far 10%", "near 30%")
"""Windows and changes given to the bootstrap methods, which take a second each."""


def main(windows_file: str) -> None:
    """Run every method on every window."""
    import numpy as np
    import pandas as pd
    from evidently.legacy.metrics.data_drift.embedding_drift_methods import distance, mmd, model

    methods = {
        "distance > 0.2": (distance(threshold=0.2), False),
        "model AUC > 0.55": (model(threshold=0.55), False),
        "MMD > 0.015": (mmd(threshold=0.015), False),
        "distance, bootstrap": (distance(bootstrap=True), True),
        "MMD, bootstrap": (mmd(bootstrap=True), True),
    }
    held = np.load(windows_file)
    columns = [f"dim{i}" for i in range(held["reference"].shape[1])]
    reference = pd.DataFrame(held["reference"], columns=columns)
    found = []
    for name, (method, slow) in methods.items():
        for change in held.files:
            if change == "reference" or (slow and change not in BOOTSTRAPPED_CHANGES):
                continue
            windows = held[change][: BOOTSTRAPPED_WINDOWS if slow else None]
            np.random.seed(0)
            start_ns = time.process_time_ns()
            # A copy: some of the methods add a column to what they are given.
            flagged = [bool(method(pd.DataFrame(window, columns=columns), reference.copy())[1]) for window in windows]
            spent_ms = (time.process_time_ns() - start_ns) / 1e6 / len(windows)
            found.append(
                {"method": name, "change": change, "flagged": sum(flagged) / len(flagged), "windows": len(flagged),
                 "ms": spent_ms}
            )  # fmt: skip
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
