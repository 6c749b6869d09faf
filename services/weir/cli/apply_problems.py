"""What the registry refused in a batch: every problem with the file and the document that it is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weir.cli.definitions import Document
from weir.cli.output import CliError


def with_places(error: CliError, documents: Sequence[Document]) -> CliError:
    """The error with a line for each problem; the same error where it is about no document.

    documents: those that were sent, in their order.
    """
    if not error.problems:
        return error
    problems = [_placed(one, documents[one["document"]]) for one in error.problems]
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    lines = "".join(f"\n  {_line(one)}" for one in problems)
    return CliError(error.code, f"nothing was applied; {count}:{lines}", error.hint, problems)


def _placed(problem: Mapping[str, Any], document: Document) -> dict[str, Any]:
    return {**problem, "file": str(document.file), "document": document.number}


def _line(problem: Mapping[str, Any]) -> str:
    where = f"{problem['file']}, document {problem['document']} ({problem['kind']}/{problem['name']})"
    return f"{where} {problem['path']}: {problem['message']}"
