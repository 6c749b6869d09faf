"""docs/security.md has a section for every kind and a row for every requirement, and each test it names exists."""

from __future__ import annotations

import re

import pytest

from harness.docs.named_tests import ROOT, files_in, is_there, nodes_in

TEXT = (ROOT / "docs" / "security.md").read_text()
KINDS = {
    section.split(".")[0]: section for section in re.split(r"^## (?=K\d+\. |Requirements)", TEXT, flags=re.M)[1:-1]
}
ROWS = {row.split("|")[1].strip(): row for row in re.findall(r"^\| S\d+ \|.*$", TEXT, flags=re.MULTILINE)}

RULE = re.compile(r"^\W*(Rules?|Invariant)\b", re.MULTILINE)
LIMIT = re.compile(r"^\W*(Limits|Not covered)\b", re.MULTILINE)
"""How a paragraph begins that says the rule of a kind, and one that says what is not covered."""


@pytest.mark.parametrize("node", nodes_in(TEXT))
def test_a_named_test_exists(node: str) -> None:
    assert is_there(node), f"{node}: a name without its file stands in the file that was named last before it"


@pytest.mark.parametrize("path", files_in(TEXT))
def test_a_named_file_exists(path: str) -> None:
    assert (ROOT / path).is_file()


def test_every_test_that_the_page_writes_is_looked_for() -> None:
    written = set(re.findall(r"::(test_\w+)`", TEXT))

    assert {node.partition("::")[2] for node in nodes_in(TEXT)} == written


def test_every_kind_has_its_rule_its_tests_and_its_limits() -> None:
    assert list(KINDS) == [f"K{number}" for number in range(1, 16)]
    assert [name for name, text in KINDS.items() if not RULE.search(text)] == []
    assert [name for name, text in KINDS.items() if not LIMIT.search(text)] == []
    assert [name for name, text in KINDS.items() if not nodes_in(text)] == []


def test_every_requirement_has_a_test_or_says_that_it_has_none() -> None:
    assert list(ROWS) == [f"S{number}" for number in range(1, 26)]
    assert [name for name, row in ROWS.items() if "`tests/" not in row and "not covered" not in row] == []


def test_a_test_that_is_not_there_is_found_however_it_is_written() -> None:
    here = "tests/contract/test_security.py"
    name = "test_a_test_that_is_not_there_is_found_however_it_is_written"

    assert nodes_in("`tests/unit/x.py::test_a`, tests/unit/y.py") == ["tests/unit/x.py::test_a"]
    assert nodes_in(f"`::{name}`") == [f"::{name}"]
    assert not is_there("tests/unit/x.py::test_a")
    assert not is_there(f"::{name}")
    for words in (f"`{here}::{name}`", f"`{here}`, `::{name}`", f"`test_security.py::{name}`"):
        assert nodes_in(words) == [f"{here}::{name}"]
        assert is_there(*nodes_in(words))
    assert not is_there(*nodes_in(f"`{here}` and `tests/unit/x.py`, `::{name}`"))
