"""K13: a judgement is stored as it was sent, or refused by the field that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from weir.access.refusals import Refusal
from weir.gateway.core.feedback_request import FIELDS, FeedbackRequest, read_feedback


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ({"request_id": "a", "score": 0.25}, FeedbackRequest("a", 0.25, "", "")),
        ({"request_id": "chatcmpl-a", "label": "thumbs_down"}, FeedbackRequest("a", -1.0, "thumbs_down", "")),
        ({"request_id": "a", "score": 0.5, "label": "thumbs_up", "comment": "ok"}, FeedbackRequest("a", 0.5, "thumbs_up", "ok")),
        ({"request_id": "a", "score": 1, "label": None, "comment": None, "more": None}, FeedbackRequest("a", 1.0, "", "")),
    ],
)  # fmt: skip
def test_a_judgement_is_read_whole(body: dict[str, Any], read: FeedbackRequest) -> None:
    assert read_feedback(body) == read
    assert {name for name in body if body[name] is not None} <= set(FIELDS)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"request_id": ""}, "request_id"),
        ({"request_id": 7}, "request_id"),
        ({"score": None}, "score"),
        ({"score": True}, "score"),
        ({"score": 1.5}, "score"),
        ({"score": "1"}, "score"),
        ({"score": float("nan")}, "score"),
        ({"label": "hello"}, "label"),
        ({"label": "thumbs_down"}, "score"),
        ({"label": "thumbs_up", "score": -0.1}, "score"),
        ({"label": ["thumbs_up"]}, "label"),
        ({"comment": 7}, "comment"),
        ({"comment": "x" * 4_097}, "comment"),
        ({"rating": 5}, "rating"),
    ],
)
def test_what_cannot_be_stored_as_sent_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal) as raised:
        read_feedback({"request_id": "a", "score": 1, **change})

    assert raised.value.field == field


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": "thumbs_upp"}, 'label is "thumbs_upp"; expected one of thumbs_up, thumbs_down'),
        ({"score": 5}, "score is 5; expected a number from -1 to 1"),
        ({"score": None}, "score is not given; expected a number"),
        ({"score": "é"}, 'score is "é"; expected'),
        ({"label": "thumbs_down"}, "score is 1; expected a score that does not contradict"),
        ({"request_id": ""}, 'request_id is ""; expected the weir-request-id'),
        ({"comment": [7]}, "comment is [7]; expected a text"),
        ({"comment": "x" * 4_097}, f'comment is "{"x" * 63}... (4,099 characters); expected at most 4096'),
        ({"rating": 5}, "rating is 5; expected a field of request_id"),
    ],
)
def test_a_refusal_shows_the_value_cut(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal) as raised:
        read_feedback({"request_id": "a", "score": 1, **change})

    assert raised.value.message.startswith(said)


def test_a_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(Refusal, match="JSON list"):
        read_feedback([])
