"""The chaos suite in short, inside `make test`: the quick faults, a few times each, and the same ledger."""

from __future__ import annotations

import pytest

from chaos.catalogue import SHORT
from harness.stack.running_stack import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.capability("X1"), pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=pytest.mark.capability("X10") if fault == "neighbour" else ()) for fault in SHORT],
)
def test_the_ledger_closes_after(fault: str, stack: RunningStack) -> None:
    row = SHORT[fault](stack)

    assert row.is_clean, row
