"""Blame: which version of which asset the failed answers have in common, with a p-value that allows for how many were looked at.

For each version one question: do answers that it took part in fail more often than those that it took no part in? Fisher's exact
test, one-sided, on the table of four counts; Holm's correction over all versions that have answers on both sides. Versions that
always come together (a chain and its prompt) cannot be separated and share the p-value; the passage or asset in fewest answers
that explains the failures has the smallest. It says what goes together, not why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from weir.detectors.holm import holm


@dataclass(frozen=True, slots=True)
class Counted:
    """Judged answers that a version took part in. failed: of them, those that failed."""

    kind: str
    name: str
    version: str
    digest: str
    answers: int
    failed: int


@dataclass(frozen=True, slots=True)
class Blamed:
    """A version beside the answers without it. Shares are of answers that failed; p is corrected, 0 to 1."""

    counted: Counted
    failed_share: float
    failed_share_without: float
    p: float


def blamed(versions: Sequence[Counted], answers: int, failed: int) -> list[Blamed]:
    """Every version that some answers have and some have not, most suspect first. answers, failed: of all that were judged.

    Raises ValueError for counts that contradict each other.
    """
    tested = [one for one in versions if 0 < one.answers < answers]
    for one in tested:
        if not 0 <= failed - one.failed <= answers - one.answers or one.failed > one.answers:
            raise ValueError(
                f"{one.kind} {one.name}: {one.failed} of {one.answers} failed, of all {failed} of {answers}"
            )
    raw = [fisher(one.failed, one.answers, failed, answers) for one in tested]
    found = [
        Blamed(one, one.failed / one.answers, (failed - one.failed) / (answers - one.answers), p)
        for one, p in zip(tested, holm(raw), strict=True)
    ]
    order = sorted(
        range(len(found)), key=lambda i: (found[i].p, raw[i], tested[i].answers, tested[i].kind, tested[i].name)
    )
    return [found[i] for i in order]


def fisher(failed_with: int, answers_with: int, failed: int, answers: int) -> float:
    """Chance that at least so many failures fall to these answers when failing has nothing to do with them."""
    most = min(failed, answers_with)
    whole = _log_choose(answers, answers_with)
    terms = [
        _log_choose(failed, k) + _log_choose(answers - failed, answers_with - k) - whole
        for k in range(failed_with, most + 1)
        if answers_with - k <= answers - failed
    ]
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
