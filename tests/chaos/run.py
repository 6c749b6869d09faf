"""`python -m chaos.run` (make chaos): every fault on a stack of its own, one table, exit 1 unless every ledger closes."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import time
import traceback

from rich.console import Console

from chaos.catalogue import FULL, OF_STORE, SHORT, Fault
from chaos.table import markdown, table
from harness.accounts.ledger import Row, total
from harness.stack.running_stack import RunningStack, apply_examples
from weir.cli.stack import start_stack, stop_stack
from weir.cli.stack.layout import repository
from weir.cli.stack.ports import DEFAULTS
from weir.runtime.telemetry.logs import configure_logs

HOME = repository() / ".weir" / "chaos" / "stack"
RESULTS = repository() / ".weir" / "chaos" / "results.json"
PAGE = repository() / ".weir" / "chaos" / "table.md"

PORTS = {name: port + 7_000 for name, port in DEFAULTS.items()}
"""Ports of its own: a broker that is away must not find another stack on its port when it comes back."""

BYSTANDERS = ("evaluator", "drift", "alerts", "inference", "lineage")
"""Services of the stack that the faults of the store do not touch; two cores are not enough for them too."""

ACKNOWLEDGED_MIN = 200_000
"""Events over the whole suite. Specified."""


def main(arguments: list[str]) -> int:
    """Run the faults that are named, or all. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", choices=[*FULL, []], help="faults to inject; all without")
    parser.add_argument("--short", action="store_true", help="in short, those that have a short form")
    options = parser.parse_args(arguments)
    known = SHORT if options.short else FULL
    names = [name for name in known if name in options.faults or not options.faults]
    out = Console(width=190)
    configure_logs("chaos", "error")  # of our own code that recomputes; the table is what there is to read
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever ends it, what it started is stopped
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stop_stack(HOME)
    shutil.rmtree(HOME, ignore_errors=True)
    out.print("starting a stack for the chaos suite")
    start_stack(HOME, PORTS)
    try:
        stack = RunningStack(HOME)
        apply_examples(stack)
        rows, failed = _run(stack, {name: known[name] for name in names}, out)
    finally:
        stop_stack(HOME)
    out.print(table(rows))
    out.print(f"written: {RESULTS.relative_to(repository())}, {PAGE.relative_to(repository())}")
    problems = [*(f"{name}: stopped by an error" for name in failed), *_problems(rows, is_whole=names == list(FULL))]
    for problem in problems:
        out.print(f"NOT CLOSED: {problem}", style="red", highlight=False, markup=False)
    return 1 if problems else 0


def _run(stack: RunningStack, faults: dict[str, Fault], out: Console) -> tuple[list[Row], list[str]]:
    rows, failed, is_quiet = list[Row](), list[str](), False
    started_s = time.monotonic()
    for number, (name, inject) in enumerate(faults.items(), 1):
        if name in OF_STORE and not is_quiet:
            is_quiet = True
            for service in BYSTANDERS:
                stack.stop(service)
        at_s = time.monotonic() - started_s
        out.print(f"[{number}/{len(faults)}] {name} (at {at_s:.0f} s) ...", highlight=False, markup=False)
        try:
            rows.append(inject(stack))
        except Exception:  # noqa: BLE001  # a fault that could not be injected is a result; the others still run
            failed.append(name)
            out.print(traceback.format_exc(limit=4), style="red", highlight=False, markup=False)
        else:
            _tell(rows[-1], out)
        _write(rows, failed)
    return rows, failed


def _tell(row: Row, out: Console) -> None:
    word = "clean" if row.is_clean else f"NOT CLEAN {row.problem}"
    text = f"    {word}: {row.acknowledged:,} acknowledged, lost {row.lost}, duplicates {row.duplicates}"
    out.print(f"{text}, {row.recovery_s:.1f} s; {row.note}", highlight=False, markup=False)


def _write(rows: list[Row], failed: list[str]) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    found = {"rows": [row.as_json() for row in rows], "total": total(rows).as_json(), "failed": failed}
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    PAGE.write_text(markdown(rows))


def _problems(rows: list[Row], *, is_whole: bool) -> list[str]:
    found = [
        f"{row.fault}: lost {row.lost}, duplicates {row.duplicates} {row.problem}" for row in rows if not row.is_clean
    ]
    acknowledged = total(rows).acknowledged
    if is_whole and acknowledged < ACKNOWLEDGED_MIN:
        found.append(f"{acknowledged:,} events were acknowledged; expected {ACKNOWLEDGED_MIN:,} or more")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
