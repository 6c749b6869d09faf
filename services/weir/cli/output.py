"""What the command line prints: data on standard output, all else on standard error; one JSON document or a table.

Exit codes: 0 ok, 1 unexpected, 2 usage, 3 not found, 4 dependency not ready, 5 policy denied or gate failed,
6 validation or conflict, 7 timeout, 130 interrupted.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

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
    """Ends the command with a code, a message and what to do about it."""

    def __init__(self, code: ExitCode, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def clean(text: object) -> str:
    """Text that cannot repaint the terminal."""
    return CONTROL.sub("", str(text))


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


def emit_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows as a table; Rich draws it, the cells are plain text, never markup.

    Raises KeyError for a column that no row has: a blank column would say that there is nothing.
    """
    unknown = [name for name in columns if rows and not any(name in row for row in rows)]
    if unknown:
        raise KeyError(f"no row has a column {unknown[0]!r}; they have {', '.join(rows[0])}")
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(_cell(row.get(column, "")))) for column in columns))
    Console(soft_wrap=not sys.stdout.isatty()).print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def error_document(error: CliError) -> dict[str, object]:
    """The JSON document of a failed command."""
    return {"error": {"code": int(error.code), "message": error.message, "hint": error.hint}}
