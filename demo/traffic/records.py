"""The rows of ``examples/traffic/*.jsonl`` as typed records, and how they are read and written.

One JSON object a line, utf-8, no key for what does not apply: a question without a session has no ``session`` key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any

TRAFFIC = Path(__file__).resolve().parents[2] / "examples" / "traffic"


@dataclass(frozen=True, slots=True)
class Question:
    """One question as the demo asks it; ``session``, ``shift`` and ``lang`` are empty where they do not apply.

    ``shift`` is ``topic`` or ``language`` for traffic that differs from questions about Python, ``lang`` its language
    as an ISO 639-1 code. ``contains_fake_pii`` marks an invented e-mail address or phone number in the text.
    """

    id: str
    text: str
    topic: str
    session: str = ""
    contains_fake_pii: bool = False
    shift: str = ""
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user says about the answer to a question: ``score`` is 1 or -1, ``comment`` may be empty."""

    question_id: str
    score: int
    comment: str


def questions(name: str, folder: Path = TRAFFIC) -> list[Question]:
    """The questions of ``<name>.jsonl`` in file order; ``ValueError`` names file and line of a row of another shape."""
    return [Question(**row) for row in _rows(folder / f"{name}.jsonl", fields(Question))]


def feedback(folder: Path = TRAFFIC) -> list[Feedback]:
    """The rows of ``feedback.jsonl`` in file order; raises ``ValueError`` as ``questions`` does."""
    return [Feedback(**row) for row in _rows(folder / "feedback.jsonl", fields(Feedback))]


def lines(rows: Sequence[Question]) -> str:
    """The rows as the content of a file, without the keys that do not apply."""
    kept = ({key: value for key, value in asdict(row).items() if value} for row in rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)


def _rows(path: Path, wanted: Sequence[Field[Any]]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        names = {field.name for field in wanted}
        missing = {field.name for field in wanted if field.default is MISSING} - set(row)
        mistyped = {
            field.name for field in wanted if field.name in row and type(row[field.name]).__name__ != field.type
        }
        if missing or mistyped or set(row) - names:
            raise ValueError(
                f"{path.name}:{number}: missing keys {sorted(missing)}, wrongly typed {sorted(mistyped)}, "
                f"unknown {sorted(set(row) - names)}; the keys are {sorted(names)}"
            )
        yield row
