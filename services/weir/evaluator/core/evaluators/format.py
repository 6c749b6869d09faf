"""Format: whether the answer has the form that its caller parses or shows; the share of checks it passes.

No regular expressions from definitions: a bad one can stop a stream for minutes on one answer.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable

from weir.evaluator.core.parameters import InvalidDefinition, Parameters
from weir.evaluator.core.scorers import OnResponse
from weir.evaluator.core.verdict import Verdict
from weir.evaluator.core.words import sentences_of
from weir.events import InferenceCompleted
from weir.text.characters import character_count

Check = Callable[[str], bool]


def format_checks(parameters: Parameters) -> OnResponse:
    """Scores answered calls. Parameters, at least one of them:

    json: the answer parses as JSON. json_keys: it is a JSON object with these keys. sentences_max, lines_max,
    chars_max: bounds; sentences and characters as a reader counts them, in any script. starts_with, ends_with: one of
    these texts stands there. contains: each of these texts occurs. excludes: none of these does.
    """
    checks = _checks(parameters)
    if not checks:
        raise InvalidDefinition("format has no check; set at least one, for example sentences_max: 5")

    def score(event: InferenceCompleted) -> Verdict | None:
        if event.outcome != "ok":
            return None
        failed = [name for name, check in checks.items() if not check(event.output_text)]
        passed = len(checks) - len(failed)
        return Verdict(passed / len(checks), ",".join(failed), f"{passed} of {len(checks)} checks passed")

    return score


def _checks(parameters: Parameters) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    if parameters.flag("json", default=False):
        checks["json"] = lambda text: _parsed(text) is not None
    if keys := parameters.texts("json_keys"):
        checks["json_keys"] = lambda text: _has_keys(_parsed(text), keys)
    _bound(checks, parameters, "sentences_max", lambda text: len(sentences_of(text)))
    _bound(checks, parameters, "lines_max", lambda text: len(text.splitlines()))
    _bound(checks, parameters, "chars_max", character_count)
    if starts := tuple(map(_normal, parameters.texts("starts_with"))):
        checks["starts_with"] = lambda text: _normal(text).strip().startswith(starts)
    if ends := tuple(map(_normal, parameters.texts("ends_with"))):
        checks["ends_with"] = lambda text: _normal(text).strip().endswith(ends)
    if wanted := tuple(map(_normal, parameters.texts("contains"))):
        checks["contains"] = lambda text: all(part in _normal(text) for part in wanted)
    if unwanted := tuple(map(_normal, parameters.texts("excludes"))):
        checks["excludes"] = lambda text: not any(part in _normal(text) for part in unwanted)
    return checks


def _normal(text: str) -> str:
    """The text in normal form C: both spellings of an accent are the same text."""
    return unicodedata.normalize("NFC", text)


def _bound(checks: dict[str, Check], parameters: Parameters, key: str, measure: Callable[[str], int]) -> None:
    most = parameters.count(key, None)
    if most is not None:
        checks[key] = lambda text: measure(text) <= most


def _parsed(text: str) -> tuple[object] | None:
    """The JSON value in a tuple of one, so that `null` is a value; None when the text is no JSON."""
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None


def _has_keys(parsed: tuple[object] | None, keys: tuple[str, ...]) -> bool:
    return parsed is not None and isinstance(parsed[0], dict) and all(key in parsed[0] for key in keys)
