"""Tests that a page names as its proofs: whether each of them exists, told from the source alone.

A page writes a test as `tests/unit/x.py::test_a`, as `test_x.py::test_a` where one file alone has that name, or as `::test_a`:
then it stands in the file that the page named last.
"""

from __future__ import annotations

import ast
import pathlib
import re
from functools import cache

ROOT = pathlib.Path(__file__).resolve().parents[3]
NODE = re.compile(r"`(tests/[a-z0-9_/]+\.py::\w+)`")
FILE = re.compile(r"`(tests/[a-z0-9_/]+\.py)`")
NAMED = re.compile(r"`([a-z0-9_/]+\.py)?(?:::(test_\w+))?`")


def nodes_in(text: str) -> list[str]:
    """The test functions that a page names, as `path::name`, sorted. One without a file before it has an empty path."""
    found, last = set[str](), ""
    for path, name in NAMED.findall(text):
        if path.startswith("tests/") or (path and name):
            last = _whole(path)
        if name:
            found.add(f"{last}::{name}")
    return sorted(found)


def files_in(text: str) -> list[str]:
    """The test files that a page names as a whole, sorted."""
    return sorted(set(FILE.findall(text)))


def is_there(node: str) -> bool:
    """Whether a test function exists."""
    path, name = node.split("::")
    return (ROOT / path).is_file() and name in _functions(ROOT / path)


def _whole(path: str) -> str:
    """The path of a test file from its name alone; the name where none, or more than one file, has it."""
    if path.startswith("tests/"):
        return path
    found = [one for one in _files() if one.name == path]
    return str(found[0].relative_to(ROOT)) if len(found) == 1 else path


@cache
def _files() -> tuple[pathlib.Path, ...]:
    return tuple((ROOT / "tests").rglob("*.py"))


@cache
def _functions(path: pathlib.Path) -> frozenset[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds))
