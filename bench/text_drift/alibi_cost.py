"""CPU time of one event of alibi-detect's online MMD detector: run by an environment of its own.

`python alibi_cost.py vectors.npz`: `reference` (n, d) and `events` (m, d). Prints JSON: microseconds an event, seconds to
configure. Few bootstraps: they decide the threshold, not the cost of an event.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

WINDOW_EVENTS = 100
BOOTSTRAPS = 500
"""Against 6,000 or more that an ARL of 5,000 asks for: configuring then takes 12 times as long."""


def main(vectors_file: str) -> None:
    """Configure, then predict event by event."""
    import numpy as np
    import torch
    from alibi_detect.cd import MMDDriftOnline

    torch.set_num_threads(1)
    held = np.load(vectors_file)
    start_ns = time.process_time_ns()
    detector = MMDDriftOnline(
        held["reference"], ert=100, window_size=WINDOW_EVENTS, backend="pytorch", n_bootstraps=BOOTSTRAPS, verbose=False
    )
    configured_s = (time.process_time_ns() - start_ns) / 1e9
    start_ns = time.process_time_ns()
    for vector in held["events"]:
        detector.predict(vector)
    event_us = (time.process_time_ns() - start_ns) / 1_000 / len(held["events"])
    print(json.dumps({"event_us": event_us, "configured_s": configured_s, "bootstraps": BOOTSTRAPS}))


if __name__ == "__main__":
    main(sys.argv[1])
