"""docs/glossary.md is short and sorted, a reader is led to it, and the pages use the field's words and no private ones."""

from __future__ import annotations

import ast
import io
import pathlib
import re
import tokenize

import pytest

from harness.docs.pages import links, pages, paragraphs, read
from weir.access.keys import SCOPES

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = "docs/glossary.md"
TERM = re.compile(r"^- \*\*([^*]+)\*\*: (.+)$", re.MULTILINE)
TERMS_MAX = 60
"""As many as a reader looks through once; a term more asks which of the others can go."""

PRIVATE = re.compile(
    r"\b(?:desks?|life|lives|doors?|insights?|told|untold|books|places?|latch(?:es|ed)?|in hand|rooms)\b", re.IGNORECASE
)
"""Words that once had a meaning of their own here. The field's: listener, producer epoch, explanation, notified, audit,
partition or offset, alarm state, in flight, packages."""

PRIVATE_IN_CODE = re.compile(
    r"\b(?:desks?|doors?|insights?|told|untold|books|latch(?:es|ed)?|in hand)\b", re.IGNORECASE
)
"""Those of them that code has no other use for: not in a name, a comment or a docstring. A text on the wire or on disk keeps its
words."""

CODE = [
    path
    for folder in ("services", "infra")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != "_generated.py"
]

PRIVATE_IN_LISTS = re.compile(r"\b(?:desks?|doors?|insights?|in hand|rooms)\b", re.IGNORECASE)
"""The same for what is written in YAML."""

LISTS = ["docker-compose.yml", "docs/capabilities.yaml"]

READ = re.compile(r"(?:README|CONTRIBUTING)\.md|docs/(?!adr/|(?:capabilities|settings|sql-columns)\.md).*")
"""Not what was decided or was so then, and not what a tool writes."""


def test_the_glossary_is_sorted_and_short() -> None:
    terms = [term for term, _ in TERM.findall(read(PAGE))]

    assert terms == sorted(set(terms), key=str.lower)
    assert 0 < len(terms) <= TERMS_MAX
    assert len(terms) == len(re.findall(r"^- ", read(PAGE), re.MULTILINE))


def test_a_term_is_explained_in_one_sentence() -> None:
    assert [term for term, words in TERM.findall(read(PAGE)) if not re.fullmatch(r"[^.]+(?:\.\w[^.]*)*\.", words)] == []


def test_the_scopes_of_keys_are_those_that_are_explained() -> None:
    [words] = [words for term, words in TERM.findall(read(PAGE)) if term == "scope"]

    assert tuple(re.findall(r"`(\w+)`", words)) == SCOPES


@pytest.mark.parametrize(("page", "target"), [("README.md", PAGE), ("docs/architecture.md", "glossary.md")])
def test_a_reader_is_led_to_the_glossary(page: str, target: str) -> None:
    assert target in links(read(page))


@pytest.mark.parametrize("page", [page for page in pages() if READ.fullmatch(page)])
def test_a_page_has_no_private_words(page: str) -> None:
    assert [f"{found}: {words[:60]}" for words in _sentences(page) for found in PRIVATE.findall(words)] == []


def test_code_has_no_private_words() -> None:
    found = {str(path): PRIVATE_IN_CODE.findall(_names_and_prose(path.read_text())) for path in CODE}

    assert {name: words for name, words in found.items() if words} == {}, (
        "say it in the field's words (docs/glossary.md)"
    )


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_no_private_words(name: str) -> None:
    assert PRIVATE_IN_LISTS.findall((ROOT / name).read_text()) == []


def test_a_private_word_is_found() -> None:
    assert PRIVATE.findall("The desk told both doors, in their place, what is in hand.") == [
        "desk",
        "told",
        "doors",
        "place",
        "in hand",
    ]
    assert PRIVATE.findall("It replaces a placeholder; who is at hand?") == []


def _sentences(page: str) -> list[str]:
    """A page's sentences without what stands between backquotes or in a link's target."""
    return [re.sub(r"`[^`]*`|\]\([^)]*\)", "", words) for words, _ in paragraphs(read(page))]


def _names_and_prose(text: str) -> str:
    """Names, comments and docstrings of a module, without what stands between backquotes."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    prose = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    names = [token.string for token in tokens if token.type in (tokenize.NAME, tokenize.COMMENT)]
    return re.sub(r"`[^`]*`", "", "\n".join((*prose, *names)))
