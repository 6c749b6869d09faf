"""One measured result: what was run, on which data, against which baseline, and the ratio."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """A ratio and the two values behind it, measured in one run; `how` tells a reader how to doubt it."""

    name: str
    value: float
    unit: str
    baseline: str
    baseline_value: float
    ratio: float
    data: str
    how: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What the run shared its cores with: CPU count, and the mean number of runnable processes of the last minute."""

    cpus: int
    load_1min_before: float
    load_1min_after: float


def load() -> float:
    """The one-minute load average now."""
    return os.getloadavg()[0]


def write(results: Sequence[Result], machine: Machine, path: Path) -> None:
    """Write results and machine as one JSON document, replacing an earlier run's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "command": "make bench",
        "machine": asdict(machine),
        "results": [asdict(result) for result in results],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
