"""`python -m distributed` (make distributed-test): what is acknowledged while brokers and members go is stored once.

Under calls: the second side comes, a broker is killed and comes back with an empty disk, the second side goes. Exit code 0 only
when no call failed, nothing is lost and nothing is there twice, by the ids of the calls and by a settled audit (`judged`).
About eight minutes on two cores, 4 GiB of memory.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from distributed.cluster import COPIES, Cluster, running
from distributed.derived import Derived, derived
from distributed.judged import not_held
from distributed.members import members
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import EVENTS_PER_CALL, stored
from harness.calls.callers import Calls, calling
from harness.store.audit_faults import faults_of
from harness.waiting import RECOVER_WITHIN_S, eventually, is_reached
from weir.cli.stack.layout import repository

FOLDER = repository() / ".weir" / "distributed"
PAGE = FOLDER / "table.md"
LOST_BROKER = 2
CALLS_EACH = 150
"""Calls that are answered before and after each thing that is done. Chosen: some ten seconds of them."""

WORKERS = 4
GROUPS = ("inference-features", "drift", "evaluator")


class Run:
    """The phases of one load, each told as it ends."""

    def __init__(self, cluster: Cluster, calls: Calls) -> None:
        self._cluster = cluster
        self._calls = calls
        self._start_s = time.monotonic()

    def phase(self, name: str, act: Callable[[], str]) -> None:
        """Do something under calls, and wait for more of them."""
        found = act()
        self._calls.more(CALLS_EACH)
        answered, failed = len(self._calls.acknowledged), self._calls.refused
        tell(f"{time.monotonic() - self._start_s:5.0f} s  {name}: {found}; {answered} calls answered, {failed} failed")

    def second_side_comes(self) -> str:
        """Its members take partitions from those of the first."""
        self._cluster.sides[1].come()
        return self._spread(2)

    def broker_is_lost(self) -> str:
        """Killed, and noticed by the others."""
        self._cluster.brokers.kill(LOST_BROKER)
        eventually(lambda: COPIES not in self._copies(), within_s=RECOVER_WITHIN_S, what="two copies of everything")
        return f"broker {LOST_BROKER} killed, two copies are left of everything"

    def broker_comes_back_empty(self) -> str:
        """Its disk is emptied; it copies everything again."""
        self._cluster.brokers.empty(LOST_BROKER)
        self._cluster.brokers.start(LOST_BROKER)
        eventually(
            lambda: set(self._copies()) == {COPIES}, within_s=RECOVER_WITHIN_S, what="three copies of everything"
        )
        return f"back with an empty disk, three copies again of {self._copies()[COPIES]} partitions"

    def second_side_goes(self) -> str:
        """Its partitions go back to the first."""
        self._cluster.sides[1].go()
        return self._spread(1)

    def _copies(self) -> dict[int, int]:
        return self._cluster.brokers.copies_in_sync()

    def _spread(self, count: int) -> str:
        bootstrap = self._cluster.brokers.bootstrap

        seen: dict[str, list[int]] = {}

        def are_spread() -> bool:
            now = {group: sorted(members(bootstrap, group).values()) for group in GROUPS}
            if now != seen:
                seen.update(now)
                tell(f"         partitions by member: {now}")
            return all(len(shares) == count for shares in now.values())

        eventually(are_spread, within_s=RECOVER_WITHIN_S, what=f"{count} members with partitions in each group")
        shares = {group: sorted(members(bootstrap, group).values()) for group in GROUPS}
        return "partitions by member " + ", ".join(f"{group} {share}" for group, share in shares.items())


def main() -> int:
    """Run the phases and close the books. Returns the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever ends it, what it started is stopped
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    tell(f"starting {COPIES} brokers, PostgreSQL, a store, a model server and the first side; logs in {FOLDER}")
    with running(Path(FOLDER)) as cluster:
        with calling(lambda: cluster.addresses, workers=WORKERS, is_failing_over=True) as calls:
            run = Run(cluster, calls)
            run.phase("one side alone", lambda: "answers")
            run.phase("the second side comes", run.second_side_comes)
            run.phase("a broker is lost", run.broker_is_lost)
            run.phase("the broker comes back", run.broker_comes_back_empty)
            run.phase("the second side goes", run.second_side_goes)
        tell("the calls have ended; closing the books")
        row, of_groups, is_closed = closed(cluster, calls)
        audit = cluster.audit()
    show(row, of_groups, audit["totals"], calls)
    wrong = not_held(row, of_groups, audit, calls_failed=calls.refused, told=calls.words, is_closed=is_closed)
    tell(f"NOT HELD: {'; '.join(wrong)}" if wrong else "it held")
    return 1 if wrong else 0


def closed(cluster: Cluster, calls: Calls) -> tuple[Row, list[Derived], bool]:
    """Wait until every answered call is stored with all that follows from it, and count. The last: whether it came to that."""
    ids, start_s = calls.acknowledged, time.monotonic()
    expected = len(ids) * EVENTS_PER_CALL

    def look() -> bool:
        return (
            stored(cluster, ids)[1] >= expected
            and all(one.is_clean for one in derived(cluster, ids))
            and not faults_of(cluster.audit())
        )

    is_closed = is_reached(look)
    rows, distinct = stored(cluster, ids)
    took_s = time.monotonic() - start_s
    row = Row("events of the gateways", 1, expected, distinct, duplicates=rows - distinct, recovery_s=took_s)
    return row, derived(cluster, ids), is_closed


def show(row: Row, of_groups: list[Derived], totals: dict[str, int], calls: Calls) -> None:
    """The table, here and for the documentation."""
    lines = [
        "| what | accepted | stored | lost | duplicates |",
        "|---|--:|--:|--:|--:|",
        f"| calls answered | {len(calls.acknowledged):,} | {row.stored // EVENTS_PER_CALL:,} | {row.lost} | {row.duplicates} |",
        f"| their events from the gateways | {row.acknowledged:,} | {row.stored:,} | {row.lost} | {row.duplicates} |",
        *(f"| {one.name} | {one.expected:,} | {one.calls:,} | {one.lost} | {one.duplicates} |" for one in of_groups),
        f"| every number of every producer | {totals['accepted']:,} | {totals['stored']:,} | {totals['missing']} |"
        f" {totals['duplicates_visible']} |",
        f"| calls that failed | {calls.refused} | | | |",
    ]
    PAGE.write_text("\n".join(lines) + "\n")
    Console(width=120).print("\n".join(lines), highlight=False, markup=False)


def tell(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
