"""The order of the registry's changes: which of two is the newer one, whatever order they are read in.

The invariant: who keeps a copy of the registry takes a change only when it is not older than the one it holds of the same
thing. Then reading the log again, from the beginning, in any order and twice, moves nothing back.
"""

from __future__ import annotations

from weir.events._generated import RegistryChanged

ChangeOrder = tuple[int, int]
"""Start of the registry's database, and the change's number in it: a database made anew counts from 1 again."""

FIRST: ChangeOrder = (-1, -1)
"""Before every change."""


def change_order(event: RegistryChanged) -> ChangeOrder:
    """Where a change stands among all changes."""
    return event.boot_epoch, event.revision
