"""The watch: each change of what is missing is told once, in words that name it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.events.log import ProducerEpoch
from weir.lineage.audit.core.audit import Accounted, SourceAudit, Stored, audited
from weir.lineage.audit.core.ranges import NumberRange
from weir.lineage.audit.core.watch import WATCHED, Watch, step

pytestmark = pytest.mark.capability("X1")


def books(missing: int, sources: int = 1) -> list[SourceAudit]:
    accounted = {
        ProducerEpoch(f"gateway/{number}", 1): Accounted(accepted=(NumberRange(0, 9 + missing),))
        for number in range(sources)
    }
    return audited({key: Stored(10, 10, 9) for key in accounted}, accounted)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_what_was_told_last_is_what_is_the_case(found: list[int]) -> None:
    watch, told = Watch(), []
    for missing in found:
        watch, signals = step(watch, books(missing))
        told += [signal.value for signal in signals if signal.name == "audit_missing"]

    assert told == [value for index, value in enumerate(found) if index == 0 or found[index - 1] != value]


def test_the_first_audit_tells_everything_so_that_a_restart_ends_an_old_alarm() -> None:
    _, signals = step(Watch(), books(0))

    assert {signal.name for signal in signals} == set(WATCHED)
    assert not any(signal.is_raised for signal in signals)


def test_a_signal_names_the_numbers() -> None:
    _, signals = step(Watch(), books(3))

    (missing,) = [signal for signal in signals if signal.is_raised]
    assert (missing.name, missing.value) == ("audit_missing", 3)
    assert missing.explanation == "missing 3: gateway/0 of 1 3 (10-12)"


def test_a_long_list_is_cut_and_counted() -> None:
    _, signals = step(Watch(), books(1, sources=8))

    assert signals[0].explanation.endswith("gateway/4 of 1 1 (10); 3 more sources")
