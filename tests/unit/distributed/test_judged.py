"""A distributed run holds only when each of its promises does, and the words name the one that did not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from distributed.derived import Derived
from distributed.judged import not_held
from harness.accounts.ledger import Row
from harness.store.audit_faults import JUDGED, faults_of

ROW = Row("events of the gateways", 1, acknowledged=300, stored=300)
SCORES = Derived("scores", expected=100, rows=100, calls=100)
TOTALS = {"accepted": 900, "stored": 900, **dict.fromkeys(JUDGED, 0)}


def audit(*, is_settled: bool = True, **counts: int) -> dict[str, Any]:
    """The answer of an audit, clean but for these totals."""
    return {"totals": {**TOTALS, **counts}, "is_settled": is_settled}


def judged(row: Row = ROW, scores: Derived = SCORES, books: dict[str, Any] | None = None, **told: Any) -> list[str]:
    """The judgement over a run that held but for what is given."""
    return not_held(row, [scores], books or audit(), **{"calls_failed": 0, "is_closed": True, **told})


def test_a_run_without_a_fault_held() -> None:
    assert judged() == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (judged(books=audit(missing=2)), "the audit: numbers missing: 2"),
        (judged(books=audit(shed=3)), "the audit: numbers shed: 3"),
        (judged(books=audit(corrupt=1)), "the audit: numbers corrupt in a spool: 1"),
        (judged(books=audit(duplicates_visible=4)), "the audit: numbers there twice: 4"),
        (judged(books=audit(is_settled=False)), "the audit: the store is behind the log"),
        (judged(is_closed=False), "the books did not close in time"),
        (judged(calls_failed=2, told={"UNAVAILABLE gone"}), "calls failed: 2 (UNAVAILABLE gone)"),
        (judged(replace(ROW, stored=299)), "events of the gateways: 1 lost, 0 twice"),
        (judged(replace(ROW, duplicates=1)), "events of the gateways: 0 lost, 1 twice"),
        (judged(replace(ROW, acknowledged=0, stored=0)), "no call was answered"),
        (judged(scores=replace(SCORES, rows=101)), "scores: 0 lost, 1 twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_fault_is_enough_and_its_words_name_it_alone(fault: list[str], words: str) -> None:
    assert fault == [words]


def test_faults_are_all_named() -> None:
    assert faults_of(audit(shed=1, duplicates_visible=2, is_settled=False)) == [
        "numbers shed: 1",
        "numbers there twice: 2",
        "the store is behind the log",
    ]
