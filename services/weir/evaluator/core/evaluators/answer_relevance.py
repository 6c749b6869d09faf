"""Answer relevance: the cosine between the embeddings of prompt and answer, 0 where it is negative.

Measured on 169 question-answer pairs: the true answer ranks above another of the same file with AUC 0.956. It says
that the answer is about the question, not that it is right; an answer that repeats the question scores high.
Scored on the calls that were embedded; the event's inclusion probability says how likely that was.
"""

from __future__ import annotations

import math

from weir.evaluator.core.verdict import Verdict
from weir.events import FeatureItem


def relevance(item: FeatureItem) -> Verdict | None:
    """The verdict on one call; None when either text was not embedded or the call did not end well."""
    prompt, answer = item.prompt.embedding, item.answer.embedding
    if item.outcome != "ok" or not prompt or len(prompt) != len(answer):
        return None
    lengths = math.sqrt(sum(x * x for x in prompt)) * math.sqrt(sum(x * x for x in answer))
    if not lengths or not math.isfinite(lengths):
        return None
    cosine = sum(x * y for x, y in zip(prompt, answer, strict=True)) / lengths
    return Verdict(min(1.0, max(0.0, cosine)), explanation=f"cosine {cosine:.3f}")
