"""`python -m fuzz` (make fuzz): every fuzzer in turn, round after round with fixed seeds, until the time is used.

A round runs in a process of its own with a deadline, so that a hang or a crash of the interpreter is a finding too.
A finding is printed with the command that repeats it. Exit 1 when there was one.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import subprocess
import sys
import time
from collections import Counter

from rich.console import Console
from rich.table import Table

import fuzz

MINUTES = 10.0
"""Minutes of a whole run. Specified."""

CASES = 400
"""Inputs of one round. Arbitrary: a round of most fuzzers takes some seconds, so that each gets many seeds."""

ROUND_TIMEOUT_S = 120.0
"""Seconds after which a round hangs. Twenty times what the slowest round takes on two cores."""

TAIL_LINES = 12
"""Lines of a failed round that are printed; the command repeats it in full."""


def main(arguments: list[str]) -> int:
    """Run all fuzzers, or one round of one. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("fuzzer", nargs="?", choices=fuzzers(), help="one round of this one only, in this process")
    parser.add_argument("--seed", type=int, default=1, help="first seed; 1 unless given")
    parser.add_argument("--cases", type=int, default=CASES, help=f"inputs of a round; {CASES} unless given")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"time of a whole run; {MINUTES:g} unless given")
    options = parser.parse_args(arguments)
    if options.fuzzer:
        importlib.import_module(f"fuzz.{options.fuzzer}").run(options.seed, options.cases)
        return 0
    return run_all(options.seed, options.cases, options.minutes * 60.0)


def fuzzers() -> list[str]:
    """Names of the fuzzers: the modules of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(fuzz.__path__) if not module.name.startswith("_"))


def run_all(seed: int, cases: int, seconds: float) -> int:
    """Rounds of every fuzzer with the seeds from `seed` on, for so many seconds. Returns the exit code."""
    out, rounds, found = Console(width=140), Counter[str](), Counter[str]()
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        for name in fuzzers():
            problem = one_round(name, seed, cases)
            rounds[name] += 1
            if problem:
                found[name] += 1
                out.print(f"{name}, seed {seed}: {problem}", style="red", highlight=False, markup=False)
        left_s = max(0.0, end_s - time.monotonic())
        out.print(f"seed {seed}: {sum(found.values())} findings so far, {left_s:.0f} s left", highlight=False)
        seed += 1
    out.print(summary(rounds, found, cases))
    return 1 if found else 0


def one_round(name: str, seed: int, cases: int) -> str:
    """What was found in a round; empty when nothing was."""
    command = [sys.executable, "-m", "fuzz", name, "--seed", str(seed), "--cases", str(cases)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=ROUND_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"hangs: no end after {ROUND_TIMEOUT_S:.0f} s. Repeat: PYTHONPATH=tests {' '.join(command)}"
    if ran.returncode == 0:
        return ""
    tail = "\n".join((ran.stdout + ran.stderr).splitlines()[-TAIL_LINES:])
    return f"exit {ran.returncode}. Repeat: PYTHONPATH=tests {' '.join(command)}\n{tail}"


def summary(rounds: Counter[str], found: Counter[str], cases: int) -> Table:
    """A row for each fuzzer."""
    table = Table(show_edge=False)
    for column in ("fuzzer", "inputs", "findings"):
        table.add_column(column)
    for name in fuzzers():
        table.add_row(name, f"{rounds[name] * cases:,}", str(found[name]))
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
