"""Feedback: what the user said of the answer, as a score; -1 becomes 0, +1 becomes 1.

Users judge few answers and not at random, so its mean is no quality of all answers; a change of it is still news.
"""

from __future__ import annotations

import math

from weir.evaluator.core.verdict import Verdict
from weir.events import FeedbackReceived


def judge(event: FeedbackReceived) -> Verdict | None:
    """The verdict on one judgement; None for a score that is not a number. The user's comment stays in its event."""
    if math.isnan(event.score):
        return None
    bounded = min(1.0, max(-1.0, event.score))
    return Verdict((bounded + 1.0) / 2.0, event.label, f"user score {bounded:.3g}")
