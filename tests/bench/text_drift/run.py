"""`python -m tests.bench.text_drift.run` (make bench-drift): the whole benchmark, or with `--quick` a tuning run.

`--base first` runs one base; `--quick` takes fewer streams and no peers but what `--mmd` asks for.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress

from weir.drift.core.settings import BankSettings

from . import window_mmd
from .cells import CELLS, Cell
from .corpus import BASES
from .embeddings import EmbeddedCorpus, embedded_corpus
from .evaluate import FULL, QUICK, DrawResult, Size, evaluate_bank, evaluate_mmd, null_streams
from .report import delay_table, must_show_table, run_length_table
from .scores import observations_of, score
from .streams import draw
from .summary import Record, summary


def main(arguments: Sequence[str]) -> int:
    """Run and print. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", choices=BASES, action="append", help="only this base (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="fewer streams, no peers: under two minutes")
    parser.add_argument("--mmd", action="store_true", help="with --quick: the window MMD beside it")
    options = parser.parse_args(arguments)
    out = Console(width=160)
    size = QUICK if options.quick else FULL
    bases: dict[str, Record] = {}
    for name in options.base or BASES:
        with Progress(console=out, transient=True) as progress:
            task = progress.add_task(f"{name}: texts", total=None)
            corpus = embedded_corpus(name, lambda done, total, task=task: progress.update(task, completed=done, total=total))
        results = measure(corpus, CELLS, size, out, mmd=options.mmd or not options.quick)
        bases[name] = summary(results, CELLS)
        out.print(run_length_table(name, bases[name]))
        out.print(delay_table(name, bases[name]))
    out.print(must_show_table(bases))
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


if __name__ == "__main__":
    started = time.monotonic()
    code = main(sys.argv[1:])
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(code)
