"""`python -m bench.markdown`: writes the kept run of `make bench` into docs/benchmarks.md, between two marks.

`python -m bench.markdown FILE` prints the table of another run, and how each figure was measured.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weir.cli.stack.layout import repository

from .run import RESULTS

DOCUMENT = repository() / "docs" / "benchmarks.md"
BEGIN, END = "<!-- the kept run of make bench: begin -->", "<!-- the kept run of make bench: end -->"
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


def page(before: str, document: Mapping[str, Any]) -> str:
    """The page with the table of a run between its marks; everything outside of them stays as it is."""
    head, _, rest = before.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{machine(document)}\n\n{table(document['results'])}\n\n{END}{rest.partition(END)[2]}"


def machine(document: Mapping[str, Any]) -> str:
    """What a run shared its cores with."""
    seen = document["machine"]
    return (
        f"`{document['command']}` on {seen['cpus']} cores, load average {seen['load_1min_before']:.1f} before and "
        f"{seen['load_1min_after']:.1f} after:"
    )


def main(arguments: Sequence[str]) -> None:
    """Write the page, or print another run."""
    document = json.loads(Path(arguments[0] if arguments else RESULTS).read_text())
    if arguments:
        print(machine(document), table(document["results"]), methods(document["results"]), sep="\n\n")
    else:
        DOCUMENT.write_text(page(DOCUMENT.read_text(), document))


if __name__ == "__main__":
    main(sys.argv[1:])
