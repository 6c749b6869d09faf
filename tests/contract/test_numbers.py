"""Every number that a module names says why it has this value, or that another one would do as well."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator
from typing import TypeGuard

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("services/weir", "demo", "bench", "tests/harness")

SAYS_ITSELF = re.compile(r"[A-Z]+_PER_[A-Z]+|(?:DAY|MINUTE|SECOND)_M?[SU]+")
"""Names of the facts of a calendar: a second has a thousand milliseconds."""

REASON_WORDS_MIN = 2
"""Words after "chosen" that can be a reason: "one line" is the shortest of ours."""

EMPTY_CHOICE = re.compile(rf"\bChosen(?=[.;])|\(chosen\)|\bChosen:(?! *\S+(?: +\S+){{{REASON_WORDS_MIN - 1}}})")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_number_says_why(folder: str) -> None:
    modules = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / folder).rglob("*.py")}
    silent = {name: found for name, source in modules.items() if (found := list(silent_numbers(source)))}
    empty = {name: found for name, source in modules.items() if (found := empty_choices(source))}

    assert silent == {}, "add a docstring: the reason, or `Arbitrary: any value from a to b would do`"
    assert empty == {}, "`Chosen` alone is no reason; `Arbitrary: any value from a to b would do` is honest"


def test_a_number_without_a_reason_is_found() -> None:
    assert list(silent_numbers("WAIT_S = 5.0\n")) == ["WAIT_S"]
    assert list(silent_numbers("SIZES = (2, 1 << 4)\n\nNAME = 'a'\n'''Words.'''\n")) == ["SIZES"]
    assert (
        list(silent_numbers("LEAST, MOST = 1, 2\n'''Two looks at least.'''\nA_MS = -1  # none\nMS_PER_S = 1_000\n"))
        == []
    )


def test_a_choice_without_a_reason_is_found() -> None:
    assert empty_choices("A = 1\n'''Rows. Chosen.'''\nB = 2\n'''Words (chosen).'''\n") == [
        "Rows. Chosen.",
        "Words (chosen).",
    ]
    assert empty_choices("A = 1\n'''Rows. Chosen: half.'''\nB = 1\n'''Chosen; so there.'''\n") == [
        "Rows. Chosen: half.",
        "Chosen; so there.",
    ]
    assert (
        empty_choices(
            "A = 1\n'''Rows. Chosen: half of all\nof them.'''\nB = 2\n'''Where none was chosen: nothing.'''\n"
        )
        == []
    )


def silent_numbers(source: str) -> Iterator[str]:
    """Names of the module's numbers that no docstring and no comment explains. Lines in a row share the docstring below."""
    lines, body = source.splitlines(), ast.parse(source).body
    for index, statement in enumerate(body):
        name = _name_of_number(statement)
        if not name or SAYS_ITSELF.fullmatch(name) or "#" in lines[(statement.end_lineno or 0) - 1]:
            continue
        below = index + 1
        while below < len(body) and isinstance(body[below], (ast.Assign, ast.AnnAssign)) and _adjoin(body, below):
            below += 1
        if not (below < len(body) and _is_text(body[below]) and _adjoin(body, below)):
            yield name


def empty_choices(source: str) -> list[str]:
    """Docstrings under an assignment that say that its value was chosen, and not why."""
    found = []
    for node in ast.walk(ast.parse(source)):
        body = node.body if isinstance(node, (ast.Module, ast.ClassDef)) else []
        for above, text in zip(body, body[1:], strict=False):
            if isinstance(above, (ast.Assign, ast.AnnAssign)) and _is_text(text):
                words = " ".join(ast.literal_eval(text.value).split())
                found += [words] if EMPTY_CHOICE.search(words) else []
    return found


def _name_of_number(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Assign) and _is_number(statement.value):
        return ast.unparse(statement.targets[0]).strip("()")
    if isinstance(statement, ast.AnnAssign) and statement.value is not None and _is_number(statement.value):
        return ast.unparse(statement.target)
    return ""


def _is_number(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=bool()):
            return False
        case ast.Constant(value=int() | float()):
            return True
        case ast.UnaryOp(operand=inner):
            return _is_number(inner)
        case ast.BinOp(left=left, right=right):
            return _is_number(left) and _is_number(right)
        case ast.Tuple(elts=[_, *_] as parts):
            return all(map(_is_number, parts))
    return False


def _is_text(statement: ast.stmt) -> TypeGuard[ast.Expr]:
    return isinstance(statement, ast.Expr) and isinstance(getattr(statement.value, "value", None), str)


def _adjoin(body: list[ast.stmt], below: int) -> bool:
    return body[below].lineno == (body[below - 1].end_lineno or 0) + 1
