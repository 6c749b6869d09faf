"""`python -m bench.markdown [FILE]`: the last run's results as the table and the list that docs/benchmarks.md holds."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .run import RESULTS

HEAD = """| result | value | baseline in the same run | its value | ratio |
|---|---|---|---|---|"""


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """One row a result."""
    rows = (
        f"| {one['name']} | {one['value']:,.1f} {one['unit']} | {one['baseline']} | {one['baseline_value']:,.1f}"
        f" | {one['ratio']:.3f} |"
        for one in results
    )
    return "\n".join([HEAD, *rows])


def methods(results: Sequence[Mapping[str, Any]]) -> str:
    """One line a result: on which data, and how."""
    return "\n".join(f"- **{one['name']}**: {one['data']}; {one['how']}." for one in results)


def main(file: Path) -> None:
    """Print both, and what the run shared its cores with."""
    document = json.loads(file.read_text())
    results, machine = document["results"], document["machine"]
    print(f"load average before: {machine['load_1min_before']:.1f}, after: {machine['load_1min_after']:.1f}\n")
    print(table(results), methods(results), sep="\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS)
