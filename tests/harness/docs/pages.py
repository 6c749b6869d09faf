"""The pages of the documentation as data: their fenced blocks, and what stands between backquotes in their sentences."""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = pathlib.Path(__file__).resolve().parents[3]
HISTORY = "CHANGELOG.md"
"""Says what was, not what is; its commands are checked, its blocks would be yesterday's."""

RUN = ("sh", "python", "sql")
"""Languages of blocks that a test runs on a stack."""

READ = ("yaml", "json")
"""Languages of blocks that a test reads."""

SHOWN = "text"
"""Language of pictures and of printed output: nothing to run."""

NOT_RUN = re.compile(r"\*Not run by the tests: ([^*]+)\*", re.DOTALL)
"""The line before a block that no test runs. A reader sees it."""

PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    """Line of its fence, from 1."""
    language: str
    text: str
    not_run: str
    """Why no test runs it; empty where one does."""

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every page by its path, the README first, then by name: the order in which blocks are run."""
    found = [*ROOT.glob("*.md"), *(path for folder in ("docs", "examples", "infra", "schemas") for path in _in(folder))]
    return sorted((str(path.relative_to(ROOT)) for path in found), key=lambda name: (name != "README.md", name))


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """The blocks of a page's text, in order."""
    before: Token | None = None
    for token in _tokens(text):
        if token.type in ("fence", "code_block"):
            line = token.map[0] + 1 if token.map else 0
            marked = NOT_RUN.fullmatch(before.content) if before is not None else None
            yield Block(page, line, token.info.strip(), token.content, marked[1].replace("\n", " ") if marked else "")
        before = token if token.type == "inline" else before if token.type == "paragraph_close" else None


def quoted(text: str) -> list[str]:
    """What stands between backquotes in a page's sentences and tables."""
    inner = (child for token in _tokens(text) for child in token.children or ())
    return [child.content for child in inner if child.type == "code_inline"]


def paragraphs(text: str) -> list[tuple[str, list[str]]]:
    """A page's sentences, paragraph by paragraph, each with what stands between backquotes in it."""
    found = [token for token in _tokens(text) if token.type == "inline"]
    return [
        (token.content, [child.content for child in token.children or () if child.type == "code_inline"])
        for token in found
    ]


def links(text: str) -> list[str]:
    """Targets of a page's links."""
    inner = (child for token in _tokens(text) for child in token.children or ())
    return [str(child.attrs["href"]) for child in inner if child.type == "link_open"]


def headings(text: str) -> list[str]:
    """The words of a page's headings."""
    tokens = _tokens(text)
    return [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]


def read(page: str) -> str:
    """A page's text."""
    return (ROOT / page).read_text()


def every_block() -> list[Block]:
    """The blocks of all pages but the history, in order."""
    return [block for page in pages() if page != HISTORY for block in blocks_of(page, read(page))]


@functools.cache
def _tokens(text: str) -> tuple[Token, ...]:
    return tuple(PARSER.parse(text))


def _in(folder: str) -> list[pathlib.Path]:
    return sorted((ROOT / folder).rglob("*.md"))
