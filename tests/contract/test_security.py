"""docs/security.md has a section for every kind and a row for every requirement, and each test it names exists."""

from __future__ import annotations

import pathlib
import re

import pytest

from harness.docs.named_tests import ROOT, files_in, is_there, nodes_in

TEXT = (ROOT / "docs" / "security.md").read_text()
KINDS = {section.split(".")[0]: section for section in re.split(r"^## (?=K\d+\. )", TEXT, flags=re.MULTILINE)[1:]}
ROWS = {row.split("|")[1].strip(): row for row in re.findall(r"^\| S\d+ \|.*$", TEXT, flags=re.MULTILINE)}


@pytest.mark.parametrize("node", nodes_in(TEXT))
def test_a_named_test_exists(node: str) -> None:
    assert is_there(node)


@pytest.mark.parametrize("path", files_in(TEXT))
def test_a_named_file_exists(path: str) -> None:
    assert (ROOT / path).is_file()


def test_every_kind_has_its_rule_its_tests_and_its_limits() -> None:
    assert list(KINDS) == [f"K{number}" for number in range(1, 16)]
    assert [name for name, text in KINDS.items() if "`tests/" not in text] == []


def test_every_requirement_has_a_test_or_says_that_it_has_none() -> None:
    assert list(ROWS) == [f"S{number}" for number in range(1, 26)]
    assert [name for name, row in ROWS.items() if "`tests/" not in row and "not covered" not in row] == []


def test_a_section_without_a_test_is_found() -> None:
    assert nodes_in("`tests/unit/x.py::test_a`, tests/unit/y.py") == ["tests/unit/x.py::test_a"]
    assert not is_there("tests/unit/x.py::test_a")
    assert isinstance(ROOT, pathlib.Path)
