"""Tests that a page names as its proofs: whether each of them exists, told from the source alone."""

from __future__ import annotations

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]
NODE = re.compile(r"`(tests/[a-z0-9_/]+\.py::\w+)`")
FILE = re.compile(r"`(tests/[a-z0-9_/]+\.py)`")


def nodes_in(text: str) -> list[str]:
    """The test functions that a page names as `path::name`, sorted."""
    return sorted(set(NODE.findall(text)))


def files_in(text: str) -> list[str]:
    """The test files that a page names as a whole, sorted."""
    return sorted(set(FILE.findall(text)))


def is_there(node: str) -> bool:
    """Whether a test function exists."""
    path, name = node.split("::")
    return (ROOT / path).is_file() and name in _functions(ROOT / path)


def _functions(path: pathlib.Path) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}
