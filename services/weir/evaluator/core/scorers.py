"""The three things an evaluator may look at, as function types. None means: nothing to say about this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weir.evaluator.core.verdict import Verdict
from weir.events import FeatureItem, FeedbackReceived, InferenceCompleted

OnResponse = Callable[[InferenceCompleted], Verdict | None]
OnFeatures = Callable[[FeatureItem], Verdict | None]
OnFeedback = Callable[[FeedbackReceived], Verdict | None]


@dataclass(frozen=True, slots=True)
class Scorer:
    """What one evaluator does with each kind of event; exactly one of the three is set."""

    response: OnResponse | None = None
    features: OnFeatures | None = None
    feedback: OnFeedback | None = None
