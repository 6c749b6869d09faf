"""An evaluator's definition as the registry holds it, checked, and the scorer it asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from weir.evaluator.core.evaluators.answer_relevance import answer_relevance
from weir.evaluator.core.evaluators.feedback import feedback
from weir.evaluator.core.evaluators.format import format_checks
from weir.evaluator.core.evaluators.length import length
from weir.evaluator.core.evaluators.pii import pii
from weir.evaluator.core.evaluators.support_coverage import support_coverage
from weir.evaluator.core.parameters import InvalidDefinition, Parameters
from weir.evaluator.core.scorers import Scorer

SALT_CHARS_MAX = 200
"""Characters of a salt. Chosen: it is repeated in every score."""

SCORERS: dict[str, Callable[[Parameters], Scorer]] = {
    "support_coverage": lambda parameters: Scorer(response=support_coverage(parameters)),
    "answer_relevance": lambda parameters: Scorer(features=answer_relevance(parameters)),
    "format": lambda parameters: Scorer(response=format_checks(parameters)),
    "length": lambda parameters: Scorer(response=length(parameters)),
    "pii": lambda parameters: Scorer(response=pii(parameters)),
    "feedback": lambda parameters: Scorer(feedback=feedback(parameters)),
}
"""What can be asked for as `type`."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """One version of an evaluator, ready to score."""

    name: str
    version: str
    digest: str
    routes: tuple[str, ...]
    """Globs; a call is scored when one matches its route."""
    sample_rate: float
    """Probability with which a call is scored, 0 to 1."""
    salt: str
    threshold: float | None
    """Score from which a call passes; None when it only measures."""
    scorer: Scorer

    def is_for(self, route: str) -> bool:
        """Whether calls of this route are scored."""
        return any(fnmatchcase(route, glob) for glob in self.routes)


def evaluator_of(name: str, version: str, digest: str, body_json: str) -> Evaluator:
    """The evaluator that a registered spec describes. Raises InvalidDefinition naming what is wrong in it."""
    spec = _object("the spec", _json(body_json))
    spec.pop("description", None)
    kind = spec.pop("type", None)
    if not isinstance(kind, str) or kind not in SCORERS:
        raise InvalidDefinition(f"type is {kind!r}; expected one of {sorted(SCORERS)}")
    parameters = Parameters(_object("parameters", spec.pop("parameters", {})))
    salt, threshold = _salt(spec.pop("salt", "")), spec.pop("threshold", None)
    common = Parameters(spec)
    evaluator = Evaluator(
        name=name,
        version=version,
        digest=digest,
        routes=common.texts("routes", ("*",)),
        sample_rate=common.number("sample_rate", 1.0, least=0.0, most=1.0),
        salt=salt,
        threshold=_threshold(threshold),
        scorer=SCORERS[kind](parameters),
    )
    parameters.refuse_rest()
    common.refuse_rest()
    return evaluator


def _threshold(value: object) -> float | None:
    return None if value is None else Parameters({"threshold": value}).number("threshold", 0.0, least=0.0, most=1.0)


def _salt(value: object) -> str:
    if not isinstance(value, str) or len(value) > SALT_CHARS_MAX:
        raise InvalidDefinition(f"salt is {value!r}; expected a text of at most {SALT_CHARS_MAX} characters")
    return value


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidDefinition(f"the spec is no JSON: {error}") from error


def _object(what: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InvalidDefinition(f"{what} is {type(value).__name__}; expected an object")
    return dict(value)
