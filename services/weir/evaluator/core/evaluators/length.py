"""Length: whether the answer has a sensible number of words.

1 between the bounds; outside, the ratio of the nearer bound and the count, so that twice too long scores 0.5.
"""

from __future__ import annotations

from weir.assets.evaluator import LengthParameters
from weir.evaluator.core.scorers import OnResponse
from weir.evaluator.core.verdict import Verdict
from weir.evaluator.core.words import words_of
from weir.events import InferenceCompleted


def length(parameters: LengthParameters) -> OnResponse:
    """Scores answered calls."""
    least, most = parameters.bounds

    def score(event: InferenceCompleted) -> Verdict | None:
        if event.outcome != "ok":
            return None
        return within(len(words_of(event.output_text)), least, most)

    return score


def within(words: int, least: int, most: int) -> Verdict:
    """The verdict on a number of words."""
    text = f"{words} words, expected {least} to {most}"
    if words < least:
        return Verdict(words / least, "too_short", text)
    if words > most:
        return Verdict(most / words, "too_long", text)
    return Verdict(1.0, "", text)
