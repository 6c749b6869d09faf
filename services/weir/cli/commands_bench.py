"""`weir bench queries`: what the questions to the store cost here, at a size and at a tenth of it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from weir.cli.output import Json, emit_rows

if TYPE_CHECKING:
    from weir.cli.query_bench import Figure

SMALLER: Final = 10
"""Times that the smaller size is smaller. Chosen: what grows with the rows is then seen in one run."""


def bench_queries(
    calls: Annotated[
        int, typer.Option(min=1_000, help="Calls of the larger size; each has 10 spans, 6 edges.")
    ] = 50_000,
    rounds: Annotated[int, typer.Option(min=3, max=1_000, help="Times that each question is asked.")] = 21,
    folder: Annotated[
        Path | None, typer.Option(help="Where the data is made, and kept for the next run; else in a folder that goes.")
    ] = None,
    json: Json = False,
) -> None:
    """What the questions to the store cost: medians, against SELECT 1 of the same round, and against a tenth of the data."""
    from weir.cli.query_bench import measured

    sizes = (calls // SMALLER, calls)
    # The store logs on standard output, which is for the figures.
    with tempfile.TemporaryDirectory() as passing, _progress(sum(sizes)) as progress, redirect_stdout(sys.stderr):
        place = folder or Path(passing)
        smaller, larger = (measured(place / f"{size}-calls", size, rounds, progress) for size in sizes)
    rows = [_row(*pair) for pair in zip(smaller, larger, strict=True)]
    emit_rows({"calls": calls, "smaller": SMALLER, "rounds": rounds, "questions": rows}, rows, list(rows[0]), json)


def _row(smaller: Figure, larger: Figure) -> dict[str, object]:
    return {
        "question": larger.question,
        "ms": round(larger.median_ms, 2),
        "ratio": round(larger.ratio, 1),
        "cpu_ratio": round(larger.cpu_ratio, 1),
        "ms_at_a_tenth": round(smaller.median_ms, 2),
        "ratio_at_a_tenth": round(smaller.ratio, 1),
        "cpu_ratio_at_a_tenth": round(smaller.cpu_ratio, 1),
        "growth": round(larger.ratio / smaller.ratio, 2),
        "cpu_growth": round(larger.cpu_ratio / smaller.cpu_ratio, 2),
    }


@contextmanager
def _progress(calls: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while a person looks on."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("storing calls", total=calls)
        yield lambda count: bar.advance(task, count)
