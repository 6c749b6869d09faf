"""A second owner of a folder that has one: the store's, the spool's, the checkpoints'; each is refused with a word."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from harness.accounts.ledger import Row
from harness.accounts.stored_calls import row_of_calls
from harness.calls.callers import calling
from harness.stack.running_stack import RunningStack
from weir.runtime.process import EXIT_BAD_SETTING

OWNERS = {"lineage": "weir.lineage", "gateway": "weir.gateway", "drift": "weir.drift"}
REFUSED_WITHIN_S = 120.0


def owned(stack: RunningStack) -> Row:
    """Every owner is started a second time on the running stack's own folder, under calls."""
    problems = []
    with calling(lambda: stack.gateway_grpc) as calls:
        for name, module in OWNERS.items():
            calls.more(10)
            problems += _problems_of(name, module, _environment(stack))
        calls.more(10)
    row = row_of_calls(stack, "a second owner of a folder", len(OWNERS), calls.acknowledged)
    return Row(
        row.fault,
        row.times,
        row.acknowledged,
        row.stored,
        duplicates=row.duplicates,
        recovery_s=row.recovery_s,
        note=f"{', '.join(OWNERS)}: the second was refused",
        problem="; ".join(problems),
    )


def _environment(stack: RunningStack) -> dict[str, str]:
    return {**stack.environment, "PATH": "/usr/bin:/bin", "WEIR_GATEWAY_GRPC_PORT": "0", "OPENBLAS_NUM_THREADS": "1"}


def _problems_of(name: str, module: str, environment: Mapping[str, str]) -> list[str]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=REFUSED_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        return [f"a second {name} ran on"]
    if done.returncode != EXIT_BAD_SETTING or "weir:" not in done.stderr or "another" not in done.stderr:
        return [f"a second {name} exited {done.returncode}: {done.stderr.strip()[-160:]!r}"]
    return []
