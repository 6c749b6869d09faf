"""What must hold for the files under ``examples/traffic``, and the statistics that their README reports."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from demo.traffic.composer import normal_form
from demo.traffic.records import Feedback, Question

TEXT_CHARS = range(10, 601)  # specified: shorter is no question, longer is none of this demo
LEAST_QUESTIONS: Mapping[str, int] = {"written": 450, "composed": 1600, "shifted": 300}  # specified by the demo
FAKE_PII_QUESTIONS = 6  # specified: what the PII evaluator is shown
SESSION_TURNS = range(2, 5)  # specified
PII_LOOKALIKE = re.compile(r"[\w.+-]+@[\w-]+\.\w+|\+\d[\d ()-]{7,}|\b\d{3}-\d{4}\b")


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the questions of a file are, in words."""

    count: int
    mean_words: float
    sd_words: float


def lengths(questions: Sequence[Question]) -> Lengths:
    """Count, mean and standard deviation of the number of words; at least two questions are needed."""
    words = [len(question.text.split()) for question in questions]
    return Lengths(len(words), statistics.mean(words), statistics.stdev(words))


def problems(files: Mapping[str, Sequence[Question]], given: Sequence[Feedback]) -> list[str]:
    """Everything wrong with the files (by name: written, composed, shifted) and the feedback; empty when sound."""
    everything = [question for file in files.values() for question in file]
    return [
        *_of_counts(files),
        *(f"id {repeated} occurs more than once" for repeated in _repeated(question.id for question in everything)),
        *(
            f"asked more than once: {text!r}"
            for text in _repeated(normal_form(question.text) for question in everything)
        ),
        *(problem for name, file in files.items() for question in file for problem in _of_question(question, name)),
        *_of_sessions(everything),
        *_of_feedback(given, {question.id for question in everything}),
    ]


def _of_counts(files: Mapping[str, Sequence[Question]]) -> list[str]:
    found = []
    for name, least in LEAST_QUESTIONS.items():
        ids = [question.id for question in files[name]]
        if len(ids) < least:
            found.append(f"{name} has {len(ids)} questions, at least {least} are wanted")
        if ids != sorted(ids):
            found.append(f"{name} is not sorted by id")
    fake = sum(question.contains_fake_pii for file in files.values() for question in file)
    if fake != FAKE_PII_QUESTIONS:
        found.append(f"{fake} questions are marked contains_fake_pii, {FAKE_PII_QUESTIONS} are wanted")
    return found


def _of_question(question: Question, file_name: str) -> list[str]:
    found = []
    if len(question.text) not in TEXT_CHARS or question.text != " ".join(question.text.split()):
        found.append(f"{question.id}: {len(question.text)} characters or stray white space, 10 to 600 are wanted")
    if bool(PII_LOOKALIKE.search(question.text)) is not question.contains_fake_pii:
        found.append(f"{question.id}: contains_fake_pii is {question.contains_fake_pii}, the text says the opposite")
    shifted = question.shift in {"topic", "language"} and bool(question.lang)
    if shifted is not (file_name == "shifted"):
        found.append(
            f"{question.id}: shift {question.shift!r} and lang {question.lang!r} do not fit the file {file_name}"
        )
    return found


def _of_sessions(questions: Iterable[Question]) -> list[str]:
    turns = Counter(question.session for question in questions if question.session)
    return [
        f"session {session} has {count} turns, 2 to 4 are wanted"
        for session, count in sorted(turns.items())
        if count not in SESSION_TURNS
    ]


def _of_feedback(given: Sequence[Feedback], known: set[str]) -> list[str]:
    unknown = [row.question_id for row in given if row.question_id not in known]
    scores = [row.question_id for row in given if row.score not in {1, -1}]
    return [
        *(f"feedback on {question_id}: there is no such question" for question_id in unknown),
        *(f"feedback on {question_id}: the score must be 1 or -1" for question_id in scores),
        *(
            f"feedback on {question_id} is given more than once"
            for question_id in _repeated(r.question_id for r in given)
        ),
    ]


def _repeated(values: Iterable[str]) -> list[str]:
    return sorted(value for value, count in Counter(values).items() if count > 1)
