"""What the gateway and the OTLP receiver share names neither of them where it refuses: the words reach callers of both."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import weir.access
import weir.capture

REFUSING = {"CaptureFull", "Refusal", "LimitReached", "InvalidEvent"}
"""What is raised to a caller."""

FILES = [file for package in (weir.access, weir.capture) for file in sorted(Path(package.__path__[0]).glob("*.py"))]


def words_in(source: str) -> Iterator[str]:
    """The texts of what is raised."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in REFUSING:
            yield from (
                one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_no_refusal_names_the_gateway(file: Path) -> None:
    assert [text for text in words_in(file.read_text()) if "gateway" in text] == []


def test_a_refusal_that_names_it_is_found() -> None:
    assert list(words_in('raise CaptureFull("the gateway stopped", "disk_refused")')) == [
        "the gateway stopped",
        "disk_refused",
    ]
