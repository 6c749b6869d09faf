"""docs/delivery.md names a proof for every sentence, and each proof exists: a test function, or a row of the chaos suite."""

from __future__ import annotations

import pathlib
import re

import pytest

from chaos.catalogue import FULL
from named_tests import is_there, nodes_in

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "delivery.md").read_text()
PROMISED, NOT_PROMISED = TEXT.split("## What is not promised")
NODES = nodes_in(TEXT)
ROWS = sorted(set(re.findall(r"`chaos:([a-z-]+)`", TEXT)))


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
    bullets = re.split(r"^- ", PROMISED, flags=re.MULTILINE)[1:]

    unproven = [bullet.split("\n")[0] for bullet in bullets if "tests/" not in bullet and "chaos:" not in bullet]
    assert len(bullets) > 20
    assert unproven == []


def test_every_fault_of_the_suite_stands_behind_a_promise() -> None:
    assert set(FULL) == set(ROWS)
    assert "replication factor 1" in NOT_PROMISED
