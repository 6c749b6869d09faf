"""docs/walks.md: each function of a walk exists and calls the next one, and what the page counts is so."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass

import pytest

from harness.docs.pages import ROOT, read

PAGE = read("docs/walks.md")
SOURCES = ROOT / "services" / "weir"
LINE = re.compile(r"^\| (\d+) \| `([\w.]+)` \| `([\w/.]+)` \| ?(\d*) \|", re.MULTILINE)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COUNTED = re.compile(r"^\|([^|]*)\| ([^|]+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Line:
    """A function of a part. caller: the number of the line that calls it; None where the part does not show who does."""

    number: int
    function: str
    file: str
    caller: int | None


def part_of(text: str) -> list[Line]:
    found = LINE.findall(text)
    return [
        Line(int(number), function, file, int(caller) if caller else None) for number, function, file, caller in found
    ]


PARTS = {title: part_of(text) for title, text in re.findall(r"^### (.+)\n((?:(?!^#).*\n)*)", PAGE, re.MULTILINE)}
WALKS = {
    title: [line for part in re.findall(r"^### (.+)$", text, re.MULTILINE) for line in PARTS[part]]
    for title, text in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE)
}
LINES = [(title, line) for title, lines in PARTS.items() for line in lines]


@functools.cache
def definitions(file: str) -> dict[str, ast.AST]:
    """The functions of a file, by qualified name."""
    found: dict[str, ast.AST] = {}
    for node in ast.parse((SOURCES / file).read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}": one for one in node.body if isinstance(one, FUNCTIONS)}
        elif isinstance(node, FUNCTIONS):
            found[node.name] = node
    return found


def names_in(function: ast.AST) -> set[str]:
    """Every name that a function's body calls or hands on."""
    nodes = list(ast.walk(function))
    plain = {node.id for node in nodes if isinstance(node, ast.Name)}
    return plain | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def returns_in(lines: list[Line]) -> int:
    """Lines in a file that the part had left before."""
    before = [{one.file for one in lines[:at]} for at in range(len(lines))]
    pairs = zip(lines, lines[1:], before[1:], strict=False)
    return sum(last.file != line.file and line.file in seen for last, line, seen in pairs)


def test_lines_are_read() -> None:
    assert (len(WALKS), len(PARTS)) == (3, 10)
    assert all([line.number for line in lines] == list(range(1, len(lines) + 1)) for lines in PARTS.values())


@pytest.mark.parametrize(("part", "line"), LINES, ids=lambda one: getattr(one, "function", one))
def test_a_function_is_there_and_is_called_from_where_the_page_says(part: str, line: Line) -> None:
    assert line.function in definitions(line.file), f"{line.file} has no {line.function}; mend docs/walks.md"
    if line.caller is None:
        return
    caller = PARTS[part][line.caller - 1]
    assert caller.number < line.number
    called = names_in(definitions(caller.file)[caller.function])
    assert line.function.rpartition(".")[2] in called, (
        f"{caller.function} does not call {line.function}; mend docs/walks.md"
    )


def test_files_and_returns_are_counted() -> None:
    counted = {
        walk.strip() if part == "all" else part: (int(files), int(returns))
        for walk, part, files, returns in COUNTED.findall(PAGE)
    }

    found = {**WALKS, **PARTS}
    assert counted == {name: (len({one.file for one in lines}), returns_in(lines)) for name, lines in found.items()}


def test_a_part_holds_few_files_and_returns() -> None:
    """A reader keeps so many in the head. Drift's is longer: it alone goes through a library, the detectors."""
    assert all(len({one.file for one in lines}) <= 8 for part, lines in PARTS.items() if part != "drift")
    assert all(returns_in(lines) <= 4 for lines in PARTS.values())


def test_a_walk_that_is_wrong_is_found() -> None:
    lines = [Line(1, "a", "x.py", None), Line(2, "b", "y.py", 1), Line(3, "c", "x.py", 2), Line(4, "d", "x.py", 3)]

    assert returns_in(lines) == 1
    assert "Drain._piece" in definitions("capture/drain.py")
    assert "read_chat" not in names_in(definitions("capture/drain.py")["Drain._piece"])
