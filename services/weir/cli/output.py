"""What the command line prints: data on standard output, all else on standard error; one JSON document or a table.

Exit codes: 0 ok, 1 unexpected, 2 usage, 3 not found, 4 dependency not ready, 5 policy denied or gate failed,
6 validation or conflict, 7 timeout, 130 interrupted.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
"""The option that every command has."""

Tell = Callable[[str], None]
"""Called with a line for each thing that happens while it happens, as `say`."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters and text-direction marks: they can repaint a terminal, so user text is printed without them."""

ESCAPED = re.compile(CONTROL.pattern[:-1] + r"\ud800-\udfff]")
"""What a JSON document holds as \\uXXXX: characters that can repaint a terminal, and half pairs, which cannot be printed."""


class ExitCode(IntEnum):
    """Why the process ended."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_READY = 4
    DENIED = 5
    INVALID = 6
    TIMEOUT = 7
    INTERRUPTED = 130


class CliError(Exception):
    """Ends the command with a code, a message and what to do about it.

    problems: what a service found wrong with each of the documents that were sent; empty for another error.
    """

    def __init__(
        self, code: ExitCode, message: str, hint: str = "", problems: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.problems = tuple(problems)


def clean(text: object) -> str:
    """Text that cannot repaint the terminal."""
    return CONTROL.sub("", str(text))


def emit(document: object, text: str, is_json: bool) -> None:
    """What a command has to say: the document where JSON is asked for, else text."""
    emit_json(document) if is_json else emit_text(text)


def emit_rows(document: object, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], is_json: bool) -> None:
    """What a command has found: the document where JSON is asked for, else a table."""
    emit_json(document) if is_json else emit_table(rows, columns)


def say(text: str) -> None:
    """A line for the person, on standard error."""
    print(clean(text), file=sys.stderr, flush=True)


def emit_json(value: object) -> None:
    """The one JSON document of a command: what it holds is kept, and nothing in it repaints a terminal."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    print(ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def emit_text(text: str) -> None:
    """Text for standard output, line by line free of control characters."""
    print("\n".join(clean(line) for line in text.split("\n")))


IDENTITY = re.compile(r"(.*_)?(ids?|name|version|rule|alertname|fingerprint|tenant|route|topic)")
"""Columns whose values the next command is given: a fold would put a line break and other columns into them."""

DIGEST_COLUMN = re.compile(r"(.*_)?digest")
DIGEST = re.compile(r"((?:sha256:)?[0-9a-f]{12})[0-9a-f]{52}")
"""A SHA-256 in hex; a table shows its first 12 digits, which no two of a million versions share by chance."""

FOLDED_MIN = 10
"""Columns of text that a cell keeps at least when a narrow terminal folds it: a short word still stands on one line."""

PADDING = 2
"""Columns of text between two columns of a table; one on either side of a cell."""


def emit_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, is_whole: bool = False) -> None:
    """Rows as a table; Rich draws it, the cells are plain text, never markup.

    What the next command needs (ids, names, versions) is never folded, a digest is shown by its beginning; where standard
    output is no terminal nothing is folded. is_whole: show digests whole, for what a person asked for by name.
    Raises KeyError for a column that no row has: a blank column would say that there is nothing.
    """
    unknown = [name for name in columns if rows and not any(name in row for row in rows)]
    if unknown:
        raise KeyError(f"no row has a column {unknown[0]!r}; they have {', '.join(rows[0])}")
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    is_terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold")
    drawn = [[_shown(column, row.get(column, ""), is_whole, is_terminal) for column in columns] for row in rows]
    needed = 0
    for place, column in enumerate(columns):
        texts = [column, *(cells[place] for cells in drawn)]
        width = max(cell_len(line) for text in texts for line in text.split("\n"))
        is_kept = (
            not is_terminal or IDENTITY.fullmatch(column) is not None or DIGEST_COLUMN.fullmatch(column) is not None
        )
        least = width if is_kept else min(width, FOLDED_MIN)
        needed += least + PADDING
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=is_kept, min_width=least)
    for cells in drawn:
        table.add_row(*map(Text, cells))
    console = Console(soft_wrap=not is_terminal)
    # A terminal that is too narrow breaks the line itself; what is copied from it is then still one line.
    console.width = max(console.width, needed)
    console.print(table)


def _shown(column: str, value: object, is_whole: bool, is_terminal: bool) -> str:
    if DIGEST_COLUMN.fullmatch(column) and not is_whole:
        return DIGEST.sub(r"\1", clean(value))
    if is_terminal and column.endswith("ids") and isinstance(value, list):
        return "\n".join(clean(one) for one in value)
    return clean(_cell(value))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def error_document(error: CliError) -> dict[str, object]:
    """The JSON document of a failed command."""
    found = {"code": int(error.code), "message": error.message, "hint": error.hint}
    return {"error": {**found, **({"problems": error.problems} if error.problems else {})}}
