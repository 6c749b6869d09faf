"""What an error tells its reader to do can be done: the command exists, the route is served, the page is there and helps."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

from harness.docs.named_commands import problem_with
from harness.docs.pages import ROOT

SERVICES = ROOT / "services" / "weir"
TELLING = {"CliError", "problem", "_check"}
"""Calls whose texts a person reads when something failed."""

ANY = "x"
"""Stands for what is filled in at run time."""

COMMAND = re.compile(r"(?:^|`)(weir [^`;,]+)")
"""A hint that begins with a command, or names one between backquotes."""

ROUTE = re.compile(r"\b(?:GET|POST|PUT|DELETE) (/v1/[^\s,;`]+)")
PAGE = re.compile(r"\b[\w/-]+\.md\b")


def texts_of(source: str) -> Iterator[str]:
    """The texts that a module's errors say, with a stand-in for what is filled in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in TELLING:
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                yield from _texts(argument)
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "hint" for target in node.targets):
            yield from _texts(node.value)


def faults_of(text: str, served: set[str]) -> list[str]:
    """What a text sends its reader to that is not there. served: patterns of the routes."""
    found = [fault for command in COMMAND.findall(text) if (fault := problem_with(_plain(command)))]
    found += [f"{text}: no route {path}" for path in ROUTE.findall(text) if not _is_served(path, served)]
    found += [f"{text}: no page {page}" for page in PAGE.findall(text) if not (ROOT / page).is_file()]
    says_docs = re.search(r"\bdocs\b(?!/)|\bthe documentation\b", text)
    return found + ([f"{text}: which page?"] if says_docs else [])


MODULES = sorted(path for path in SERVICES.rglob("*.py") if any(name in path.read_text() for name in TELLING))
SERVED = {
    re.sub(r"\{[^}]*\}", ANY, path)
    for source in SERVICES.rglob("*.py")
    for path in re.findall(r'"(/v1/[^"?]*)"', source.read_text())
}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_what_an_error_sends_its_reader_to_is_there(module: pathlib.Path) -> None:
    assert [fault for text in texts_of(module.read_text()) for fault in faults_of(text, SERVED)] == []


@pytest.mark.parametrize(
    "text",
    [
        "weir dream",
        "see `weir drift dream`",
        "list them with GET /v1/dreams",
        "see docs/dreams.md",
        "see docs on dreams",
    ],
)
def test_a_hint_that_leads_nowhere_is_found(text: str) -> None:
    assert faults_of(text, SERVED)


def test_hints_are_found_where_they_are() -> None:
    source = 'raise CliError(3, f"no {name}", f"weir logs {name}")\nproblem(404, "t", "d", "see docs/sql.md; " + x)'

    assert [text for text in texts_of(source) if text] == ["no x", "weir logs x", "t", "d", "see docs/sql.md; "]


def test_a_metric_that_names_a_page_is_explained_there() -> None:
    explained = dict(_explained())

    assert len(explained) >= 2
    assert [metric for metric, page in explained.items() if metric not in (ROOT / page).read_text()] == []


def _explained() -> Iterator[tuple[str, str]]:
    """Metrics whose docstring names a page."""
    for path in SERVICES.rglob("metrics.py"):
        body = ast.parse(path.read_text()).body
        for made, said in zip(body, body[1:], strict=False):
            page = re.search(r"docs/[\w/-]+\.md", ast.unparse(said)) if isinstance(said, ast.Expr) else None
            name = re.search(r"'(weir_\w+)'", ast.unparse(made))
            if page and name:
                yield name[1], page[0]


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else ANY for part in node.values)
    elif isinstance(node, ast.BinOp | ast.IfExp | ast.Tuple):
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                yield from _texts(part)


def _plain(command: str) -> str:
    """A hint's command without the words that go on after it: `weir up, or set X` was cut at its comma."""
    return re.split(r" (?:or|and|to|first)\b", command)[0]


def _is_served(path: str, served: set[str]) -> bool:
    return any(re.fullmatch(pattern.replace(ANY, "[^/]+") if ANY in pattern else pattern, path) for pattern in served)
