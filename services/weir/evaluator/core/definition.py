"""An evaluator's definition as the registry holds it, checked, and the scorer it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from weir.assets import evaluator as assets
from weir.assets.shapes import json_of, parse
from weir.evaluator.core.evaluators.answer_relevance import relevance
from weir.evaluator.core.evaluators.feedback import judge
from weir.evaluator.core.evaluators.format import format_checks
from weir.evaluator.core.evaluators.length import length
from weir.evaluator.core.evaluators.pii import pii
from weir.evaluator.core.evaluators.support_coverage import support_coverage
from weir.evaluator.core.scorers import Scorer

SCORERS: dict[str, Callable[[Any], Scorer]] = {
    "support_coverage": lambda parameters: Scorer(response=support_coverage(parameters)),
    "answer_relevance": lambda _: Scorer(features=relevance),
    "format": lambda parameters: Scorer(response=format_checks(parameters)),
    "length": lambda parameters: Scorer(response=length(parameters)),
    "pii": lambda parameters: Scorer(response=pii(parameters)),
    "feedback": lambda _: Scorer(feedback=judge),
}
"""What can be asked for as `type`; each takes the parameters of its own type (`weir.assets.evaluator.TYPES`)."""


@dataclass(frozen=True, slots=True)
class Evaluator:
    """One version of an evaluator, ready to score."""

    name: str
    version: str
    digest: str
    spec: assets.Evaluator
    scorer: Scorer

    def is_for(self, route: str) -> bool:
        """Whether calls of this route are scored."""
        return any(fnmatchcase(route, glob) for glob in self.spec.routes)


def evaluator_of(name: str, version: str, digest: str, body_json: str) -> Evaluator:
    """The evaluator that a registered spec describes. Raises InvalidAsset naming what is wrong in it."""
    spec = parse(assets.Evaluator, json_of(body_json))
    return Evaluator(name, version, digest, spec, SCORERS[spec.type](spec.own_parameters()))
