"""`python -m tests.bench.text_drift.run` (make bench-drift): the whole benchmark, or with `--quick` a tuning run.

`--base first` runs one base; `--quick` takes fewer streams and no peers but what `--mmd` asks for.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from weir.drift.core.settings import BankSettings

from . import window_mmd
from .cells import CELLS, CHANGE_AT, Cell
from .corpus import BASES
from .embeddings import EmbeddedCorpus, embedded_corpus
from .evaluate import FULL, QUICK, DrawResult, Size, evaluate_bank, evaluate_mmd, null_streams
from .run_lengths import delay, run_length
from .scores import observations_of, score
from .streams import draw


def main(arguments: Sequence[str]) -> int:
    """Run and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", choices=BASES, action="append", help="only this base (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="fewer streams, no peers: under two minutes")
    parser.add_argument("--mmd", action="store_true", help="with --quick: the window MMD beside it")
    options = parser.parse_args(arguments)
    out = Console(width=160)
    size = QUICK if options.quick else FULL
    for name in options.base or BASES:
        with Progress(console=out, transient=True) as progress:
            task = progress.add_task(f"{name}: texts", total=None)
            corpus = embedded_corpus(name, lambda done, total, task=task: progress.update(task, completed=done, total=total))
        results = measure(corpus, CELLS, size, out, mmd=options.mmd or not options.quick)
        out.print(table(name, results, CELLS))
    return 0


def measure(corpus: EmbeddedCorpus, cells: Sequence[Cell], size: Size, out: Console, *, mmd: bool) -> list[DrawResult]:
    """Results of every draw."""
    observations, settings = observations_of(corpus), BankSettings()
    results = []
    with Progress(console=out, transient=True) as progress:
        task = progress.add_task(corpus.name, total=size.draws * (2 if mmd else 1) * (len(cells) + 4))

        def told(what: str) -> None:
            progress.update(task, description=f"{corpus.name}: {what}", advance=1)

        for number in range(size.draws):
            split = draw(corpus.rows("base"), number)
            nulls = null_streams(corpus, split, size)
            result = evaluate_bank(corpus, split, score(observations, split, settings), nulls, cells, size, told)
            if mmd:
                kernel = window_mmd.kernel_of(corpus.vectors, split.reference)
                peer = evaluate_mmd(corpus, split, kernel, nulls, cells, size, told)
                result.false_alarms |= peer.false_alarms
                result.first |= peer.first
            results.append(result)
    return results


def table(name: str, results: Sequence[DrawResult], cells: Sequence[Cell]) -> Table:
    """Run lengths, then delays."""
    shown = Table(title=f"{name} base", show_edge=False)
    for column in ("", "weir", "MMD", "bar", "detected", "first parts"):
        shown.add_column(column)
    for method, kind in dict.fromkeys(key for result in results for key in result.false_alarms):
        counts = [result.false_alarms[method, kind] for result in results]
        whole = run_length(sum(events for _, events in counts), sum(alarms for alarms, _ in counts))
        each = " ".join(f"{run_length(events, alarms).mean:,.0f}" for alarms, events in counts)
        shown.add_row(f"ARL {method}, {kind}", f"{whole.mean:,.0f} ({whole.low:,.0f}-{whole.high:,.0f})", "", "", each)
    for cell in cells:
        found = {method: _delay(results, method, cell.name) for method in ("weir", "MMD", "weir page")}
        weir, peer = found["weir"], found["MMD"]
        parts = np.sum([result.parts[cell.name] for result in results], axis=0)
        shown.add_row(
            cell.name,
            f"{weir.median:,.0f} ({weir.low:,.0f}-{weir.high:,.0f}) p90 {weir.p90:,.0f}",
            f"{peer.median:,.0f}" if peer.runs else "",
            ("" if cell.bar is None else f"{cell.bar:,.0f} ")
            + ("" if cell.bar is None or weir.median <= cell.bar else "NOT HELD ")
            + ("SLOWER" if peer.runs and weir.median > peer.median else ""),
            f"{weir.detected:.2f}",
            " ".join(str(count) for count in parts),
        )
        if cell.page_bar is not None:
            page = found["weir page"]
            shown.add_row(f"  page {cell.name}", f"{page.median:,.0f} ({page.low:,.0f}-{page.high:,.0f})", "", f"{cell.page_bar}")
    return shown


def _delay(results: Sequence[DrawResult], method: str, cell: str):  # type: ignore[no-untyped-def]
    first = [result.first[method, cell] for result in results if (method, cell) in result.first]
    return delay(np.concatenate(first) if first else np.zeros(0, dtype=np.int64), CHANGE_AT)


if __name__ == "__main__":
    started = time.monotonic()
    code = main(sys.argv[1:])
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(code)
