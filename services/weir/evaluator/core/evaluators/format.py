"""Format: whether the answer has the form that its caller parses or shows; the share of checks it passes.

No regular expressions from definitions: a bad one can stop a stream for minutes on one answer.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import fields

from weir.assets.evaluator import FormatParameters
from weir.evaluator.core.scorers import OnResponse
from weir.evaluator.core.verdict import Verdict
from weir.evaluator.core.words import sentences_of
from weir.events import InferenceCompleted
from weir.text.characters import character_count

Check = Callable[[str], bool]


def format_checks(parameters: FormatParameters) -> OnResponse:
    """Scores answered calls. Parameters, at least one of them:

    json: the answer parses as JSON. json_keys: it is a JSON object with these keys. sentences_max, lines_max,
    chars_max: bounds; sentences and characters as a reader counts them, in any script. starts_with, ends_with: one of
    these texts stands there. contains: each of these texts occurs. excludes: none of these does.
    """
    checks = _checks(parameters)

    def score(event: InferenceCompleted) -> Verdict | None:
        if event.outcome != "ok":
            return None
        failed = [name for name, check in checks.items() if not check(event.output_text)]
        passed = len(checks) - len(failed)
        return Verdict(passed / len(checks), ",".join(failed), f"{passed} of {len(checks)} checks passed")

    return score


def _checks(parameters: FormatParameters) -> dict[str, Check]:
    """The checks that are asked for, by name."""
    asked = {one.name: getattr(parameters, one.name) for one in fields(parameters)}
    checks = {name: check for name, check in FLAGS.items() if asked[name]}
    checks |= {name: _at_most(measure, asked[name]) for name, measure in COUNTS.items() if asked[name] is not None}
    return checks | {name: check(asked[name]) for name, check in TEXTS.items() if asked[name]}


def _normal(text: str) -> str:
    """The text in normal form C: both spellings of an accent are the same text."""
    return unicodedata.normalize("NFC", text)


def _normalised(parts: tuple[str, ...], holds: Callable[[str, tuple[str, ...]], bool]) -> Check:
    normal = tuple(map(_normal, parts))
    return lambda text: holds(_normal(text), normal)


def _at_most(measure: Callable[[str], int], most: int) -> Check:
    return lambda text: measure(text) <= most


def _parsed(text: str) -> tuple[object] | None:
    """The JSON value in a tuple of one, so that `null` is a value; None when the text is no JSON."""
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None


def _has_keys(parsed: tuple[object] | None, keys: tuple[str, ...]) -> bool:
    return parsed is not None and isinstance(parsed[0], dict) and all(key in parsed[0] for key in keys)


FLAGS: dict[str, Check] = {"json": lambda text: _parsed(text) is not None}
COUNTS: dict[str, Callable[[str], int]] = {
    "sentences_max": lambda text: len(sentences_of(text)),
    "lines_max": lambda text: len(text.splitlines()),
    "chars_max": character_count,
}
TEXTS: dict[str, Callable[[tuple[str, ...]], Check]] = {
    "json_keys": lambda keys: lambda text: _has_keys(_parsed(text), keys),
    "starts_with": lambda starts: _normalised(starts, lambda text, parts: text.strip().startswith(parts)),
    "ends_with": lambda ends: _normalised(ends, lambda text, parts: text.strip().endswith(parts)),
    "contains": lambda wanted: _normalised(wanted, lambda text, parts: all(part in text for part in parts)),
    "excludes": lambda unwanted: _normalised(unwanted, lambda text, parts: not any(part in text for part in parts)),
}
"""Checks by name, for each type of their parameters."""
