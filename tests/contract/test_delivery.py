"""docs/delivery.md names a proof for every sentence: a test function, or a row of the chaos suite. Each exists, and neither
sentence nor proof changed since somebody compared the two (`tests/harness/docs/proofs.py`)."""

from __future__ import annotations

import re

import pytest

from chaos.catalogue import FULL
from harness.docs.named_tests import is_there, nodes_in
from harness.docs.proofs import FAULT, PAGE, Claim, claims_of, compared, differences, fingerprint, fingerprints

TEXT = PAGE.read_text()
PROMISED, NOT_PROMISED = TEXT.split("## What is not promised")
NODES = nodes_in(TEXT)
ROWS = sorted(set(FAULT.findall(TEXT)))
HERE = "tests/contract/test_delivery.py::test_every_promise_has_its_proof"


@pytest.mark.parametrize("node", NODES)
def test_a_named_test_exists(node: str) -> None:
    assert is_there(node)


@pytest.mark.parametrize("row", ROWS)
def test_a_named_row_of_the_chaos_suite_exists(row: str) -> None:
    assert row in FULL


def test_a_test_that_does_not_exist_is_found() -> None:
    assert is_there("tests/contract/test_delivery.py::test_a_named_test_exists")
    assert not is_there("tests/contract/test_delivery.py::test_of_dreams")
    assert not is_there("tests/contract/test_dreams.py::test_a_named_test_exists")


def test_every_promise_has_its_proof() -> None:
    claims = claims_of(TEXT)

    assert len(claims) == len(re.findall(r"^- ", PROMISED, flags=re.MULTILINE)) > 20
    assert [claim.sentence for claim in claims if not claim.proofs] == []


def test_sentences_and_proofs_are_as_somebody_compared_them() -> None:
    """When it fails: read the sentence and its test side by side, mend one of them, then
    `PYTHONPATH=tests python -m harness.docs.proofs`."""
    assert differences(fingerprints(claims_of(TEXT)), compared()) == []


def test_a_changed_sentence_or_proof_is_told() -> None:
    before = {"0123456789ab Nothing is lost": {"tests/a.py::test_a": "1"}}

    assert differences(before, before) == []
    assert differences({"0123456789ab Nothing is lost": {"tests/a.py::test_a": "2"}}, before) == [
        "tests/a.py::test_a changed; does it still prove: Nothing is lost..."
    ]
    assert differences({"ffffffffffff Little is lost": {"tests/a.py::test_a": "1"}}, before) == [
        "gone: Nothing is lost...",
        "new or changed sentence: Little is lost...",
    ]


def test_a_proof_is_known_by_its_code_and_by_what_it_calls() -> None:
    assert fingerprint(HERE) == fingerprint(HERE) != fingerprint("chaos:sink-killed")
    assert claims_of("## A\n- A promise\n  of two lines.\n  - `tests/a.py::test_a`, `chaos:b-c`\n") == [
        Claim("A promise of two lines.", ("chaos:b-c", "tests/a.py::test_a"))
    ]


def test_every_fault_of_the_suite_stands_behind_a_promise() -> None:
    assert set(FULL) == set(ROWS)
    assert "replication factor 1" in NOT_PROMISED
