"""`python -m bench.text_drift.run` (make bench-drift): the whole benchmark, or with `--quick` a tuning run.

Everything: both bases, 4 reference draws each, every cell and peer, costs, tables on the terminal,
`bench/results/text_drift.json`, and PNG plots under `.weir/bench/text_drift`. Nothing is asserted: a bar that is not
held is printed as such.

`--part changes` (both kinds of traffic that changes and that does not), `--part repetitions` (texts that come again word
for word) and `--part peers` (costs, peers' own code) run alone what is named; what is left out is left out of the tables.

`--quick`: the bank alone (`--mmd`: the window MMD beside it), 2 draws, fewer streams; some 30 CPU-seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.console import Console

from weir.cli.stack.layout import repository

from ..results import load as machine_load
from . import outside, report
from .cells import CELLS, Cell
from .corpus import BASES
from .debian import PackagesMissing
from .embeddings import FOLDER
from .environments import NotInstalled
from .evaluate import FULL, QUICK, Size
from .measure import Measured, load, measure, measure_repetitions
from .repetitions import REPETITIONS
from .skew_power import rates
from .summary import Record, summary

RESULTS = FOLDER / "results.json"
KEPT = repository() / "bench" / "results" / "text_drift.json"
"""The last whole run, kept with the code, without the one stream that the plots show."""

CHANGES, REPETITION, PEERS = "changes", "repetitions", "peers"
PARTS = (CHANGES, REPETITION, PEERS)


def main(arguments: Sequence[str]) -> int:
    """Run and print. Returns the exit code."""
    options, out = _options(arguments), Console(width=200)
    started, cells = time.monotonic(), [cell for cell in CELLS if options.cells in cell.name]
    # A narrowed run says so in everything that quotes it.
    command = f"python -m bench.text_drift.run {' '.join(arguments)}" if arguments else "make bench-drift"
    results: Record = {
        "command": command,
        "cpus": os.cpu_count(),
        "load_before": machine_load(),
        "bases": {},
    }
    try:
        corpora = [load(name, out) for name in options.base or BASES]
    except PackagesMissing as error:
        out.print(f"bench-drift: {error}", style="red", markup=False)
        return 4
    for corpus in corpora:
        peers, size = not options.quick, _size(options)
        base = results["bases"][corpus.name] = {"digest": corpus.digest, **summary([], [])}
        if CHANGES in options.part:
            measured = measure(corpus, cells, size, out, mmd=options.mmd or peers, all_peers=peers)
            base |= _base(measured, cells)
            results.setdefault("trace", measured.trace)
            out.print(report.run_length_table(corpus.name, base))
            out.print(report.delay_table(corpus.name, base))
        if REPETITION in options.part:
            kinds = [kind for kind in REPETITIONS if options.cells in kind.name]
            base["repetitions"] = measure_repetitions(corpus, kinds, size.draws, out)
            out.print(report.repetition_table(corpus.name, base))
    if PEERS in options.part and not options.quick:
        results["cost"], results["evidently"], results["left_out"] = {}, [], {}
        _told(results, out, "cost", outside.costs)
        _told(results, out, "alibi", lambda: outside.alibi_cost(corpora[0]))
        _told(results, out, "evidently", lambda: outside.evidently_rates(corpora[0]))
    for table in report.closing_tables(results):
        out.print(table)
    results |= {"load_after": machine_load(), "seconds": round(time.monotonic() - started)}
    if not options.quick and set(options.part) == set(PARTS):
        _write(results, out)
    out.print(
        f"{results['seconds']} s; load of the machine {results['load_before']:.1f} to {results['load_after']:.1f}"
    )
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", choices=BASES, action="append", help="only this base (may be repeated)")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="a tuning run; writes nothing")
    parser.add_argument("--mmd", action="store_true", help="with --quick: the window MMD beside it")
    parser.add_argument("--draws", type=int, help="reference draws")
    parser.add_argument("--null-events", type=int, help="events of each of 64 streams without change")
    parser.add_argument("--cells", default="", help="only the cells and repetitions whose name contains this")
    options = parser.parse_args(arguments)
    options.part = options.part or PARTS
    return options


def _size(options: argparse.Namespace) -> Size:
    size = QUICK if options.quick else FULL
    size = replace(size, draws=options.draws or size.draws)
    return replace(size, null_events=options.null_events or size.null_events)


def _base(measured: Measured, cells: Sequence[Cell]) -> Record:
    base = summary(measured.draws, cells)
    return base | {"skew": rates(measured.skew)} if measured.skew else base


def _told(results: Record, out: Console, name: str, run: Callable[[], object]) -> None:
    """Keep what `run` returns under `name`; or, where it cannot run, why."""
    out.print(f"{name} ...")
    try:
        results[name] = run()
    except NotInstalled as error:
        results["left_out"][name] = str(error)
        out.print(f"{name} is left out: {error}", style="yellow", markup=False)


def _write(results: Record, out: Console) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    kept = {name: value for name, value in results.items() if name != "trace"}
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    try:
        outside.draw_plots(RESULTS)
    except NotInstalled as error:
        out.print(f"no plots: {error}", style="yellow", markup=False)
    out.print(f"written: {KEPT.relative_to(repository())}, and PNG plots in {FOLDER.relative_to(repository())}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
