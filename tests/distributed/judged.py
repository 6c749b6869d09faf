"""The judgement over a whole run: everything that did not hold, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distributed.derived import Derived
from harness.accounts.ledger import Row
from harness.store.audit_faults import faults_of

WORDS_SHOWN_MAX = 3
"""Different texts of failed calls that are shown: enough to see why, on a line that can be read."""


def not_held(
    row: Row,
    of_groups: Sequence[Derived],
    audit: Mapping[str, Any],
    *,
    calls_failed: int,
    told: Iterable[str] = (),
    is_closed: bool,
) -> list[str]:
    """One phrase for each promise that did not hold; nothing when the run held.

    told: what the clients of failed calls were told. is_closed: whether the books closed while the run waited for it.
    """
    found = [] if is_closed else ["the books did not close in time"]
    if calls_failed:
        found.append(f"calls failed: {calls_failed} ({', '.join(sorted(told)[:WORDS_SHOWN_MAX])})")
    if not row.acknowledged:
        found.append("no call was answered")
    if row.lost or row.duplicates:
        found.append(f"{row.fault}: {row.lost} lost, {row.duplicates} twice")
    found += [f"{one.name}: {one.lost} lost, {one.duplicates} twice" for one in of_groups if not one.is_clean]
    return found + [f"the audit: {fault}" for fault in faults_of(audit)]
