"""Reading a judgement: POST /v1/feedback {"request_id", "score" and/or "label", "comment"}.

Invariant (K13): what is stored is what was sent; a judgement that contradicts itself or would be cut is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from weir.access.refusals import Refusal, cut
from weir.events.request_id import bare_id

LABEL_SCORES = {"thumbs_up": 1.0, "thumbs_down": -1.0}
"""The labels there are, and the score each stands for."""

COMMENT_CHARS_MAX = 4_096
"""Characters of a comment. Specified by the event's schema."""

FIELDS: Mapping[str, str] = {
    "request_id": "FeedbackReceived.request_id",
    "score": "FeedbackReceived.score",
    "label": "FeedbackReceived.label, and the score where none is given",
    "comment": "FeedbackReceived.comment",
}
"""Every field and where it goes."""


@dataclass(frozen=True, slots=True)
class FeedbackRequest:
    """A judgement as it was sent."""

    request_id: str
    """Without the prefix of an OpenAI answer's id."""
    score: float
    """-1 (bad) to 1 (good)."""
    label: str
    comment: str


def read_feedback(body: object) -> FeedbackRequest:
    """A judgement. Raises Refusal naming the field that cannot be used."""
    if not isinstance(body, dict):
        raise Refusal("invalid_request", f"the body is a JSON {type(body).__name__}; expected an object")
    for name in body:
        if name not in FIELDS and body[name] is not None:
            raise _wrong(cut(name), body[name], f"a field of {', '.join(FIELDS)}")
    request_id, label, comment = (_text(body, name) for name in ("request_id", "label", "comment"))
    if not request_id:
        raise _wrong("request_id", request_id, "the weir-request-id or the id of the answer")
    if label and label not in LABEL_SCORES:
        raise _wrong("label", label, f"one of {', '.join(LABEL_SCORES)}")
    if len(comment) > COMMENT_CHARS_MAX:
        raise _wrong("comment", comment, f"at most {COMMENT_CHARS_MAX} characters, it has {len(comment)}")
    return FeedbackRequest(bare_id(request_id), _score(body.get("score"), label), label, comment)


def _score(given: object, label: str) -> float:
    if given is None and label:
        return LABEL_SCORES[label]
    is_number = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
    if not is_number or not isinstance(given, int | float) or not -1 <= given <= 1:
        raise _wrong("score", given, f"a number from -1 to 1, or none and a label of {', '.join(LABEL_SCORES)}")
    if label and given * LABEL_SCORES[label] <= 0:
        raise _wrong("score", given, f"a score that does not contradict the label {label!r}")
    return float(given)


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong(name, value, "a text")
    return value or ""


def _wrong(name: str, given: object, expected: str) -> Refusal:
    value = "not given" if given is None else cut(json.dumps(given, ensure_ascii=False))
    return Refusal("invalid_request", f"{name} is {value}; expected {expected}", field=name)
