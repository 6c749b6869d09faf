"""`python -m chaos.run` (make chaos): every fault on a stack of its own, one table, exit 1 unless every ledger closes."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import traceback
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from chaos import gateway_faults as at_gateway
from chaos import store_faults as at_store
from chaos.ledger import Row, total
from stack import RunningStack, apply_examples
from weir.cli.stack import start_stack, stop_stack
from weir.cli.stack.layout import repository

HOME = repository() / ".weir" / "chaos" / "stack"
RESULTS = repository() / ".weir" / "chaos" / "results.json"
OUTAGE_S = 300.0
"""Seconds of the long outage; what the promise names."""

FAULTS: dict[str, Callable[[RunningStack], Row]] = {
    "gateway-killed": lambda stack: at_gateway.gateway_killed(stack, 10),
    "drain-killed": lambda stack: at_gateway.drain_killed(stack, 10),
    "broker-restarted": at_gateway.broker_restarted,
    "broker-killed": at_gateway.broker_killed,
    "broker-frozen": lambda stack: at_gateway.broker_frozen(stack, 60),
    "spool-full-reject": lambda stack: at_gateway.spool_outlived(stack, "reject"),
    "spool-full-shed": lambda stack: at_gateway.spool_outlived(stack, "shed"),
    "spool-torn": at_gateway.spool_torn,
    "spool-corrupt": at_gateway.spool_corrupt,
    "triton-killed": at_gateway.triton_killed,
    "loop-stalled": at_gateway.loop_stalled,
    "consumers-killed": lambda stack: at_gateway.consumers_killed(stack, 4),
    "rolling-restart": at_gateway.rolling_restart,
    "clickhouse-killed": at_store.server_killed,
    "clickhouse-gone": lambda stack: at_store.server_gone(stack, OUTAGE_S, 100_000),
    "clickhouse-slow": at_store.server_slow,
    "clickhouse-disk-full": at_store.disk_full,
    "answers-lost": at_store.answers_lost,
    "connections-reset": at_store.connections_reset,
    "half-open": at_store.half_open,
    "sink-killed": lambda stack: at_store.sink_killed(stack, 50, 50_000),
    "owner-paused": at_store.owner_paused,
    "rebalance-storm": at_store.rebalance_storm,
    "registry-down": at_store.registry_down,
    "poison": at_store.poison,
}


def main(arguments: list[str]) -> int:
    """Run the faults that are named, or all. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", choices=[*FAULTS, []], help="faults to inject; all without")
    names = parser.parse_args(arguments).faults or list(FAULTS)
    out = Console(width=170)
    stop_stack(HOME)
    shutil.rmtree(HOME, ignore_errors=True)
    out.print("starting a stack for the chaos suite")
    start_stack(HOME)
    try:
        stack = RunningStack(HOME)
        apply_examples(stack)
        rows, failed = _run(stack, names, out)
    finally:
        stop_stack(HOME)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    out.print(_table(rows))
    out.print(f"written: {RESULTS.relative_to(repository())}")
    for name in failed:
        out.print(f"NOT CLOSED: {name}", style="red")
    return 0 if not failed and all(row.is_clean for row in rows) else 1


def _run(stack: RunningStack, names: list[str], out: Console) -> tuple[list[Row], list[str]]:
    rows, failed = list[Row](), list[str]()
    for number, name in enumerate(names, 1):
        out.print(f"[{number}/{len(names)}] {name} ...", highlight=False)
        try:
            rows.append(FAULTS[name](stack))
        except Exception:  # noqa: BLE001  # a fault whose ledger does not close is a result; the others still run
            failed.append(name)
            out.print(traceback.format_exc(limit=3), style="red", highlight=False, markup=False)
        else:
            row = rows[-1]
            out.print(
                f"    lost {row.lost}, duplicates {row.duplicates}, {row.recovery_s:.1f} s  {row.note}", highlight=False
            )
    return rows, failed


def _table(rows: list[Row]) -> Table:
    table = Table(title="Every fault, and what became of the events that were acknowledged")
    for name in ("fault", "times", "acknowledged", "stored", "dead-lettered", "shed", "corrupt", "lost", "duplicates"):
        table.add_column(name, justify="left" if name == "fault" else "right")
    table.add_column("recovered in s", justify="right")
    table.add_column("note")
    for row in (*rows, total(rows)):
        counts = (row.times, row.acknowledged, row.stored, row.dead_lettered, row.shed, row.corrupt, row.lost)
        table.add_row(
            row.fault, *(f"{count:,}" for count in (*counts, row.duplicates)), f"{row.recovery_s:.1f}", row.note
        )
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
