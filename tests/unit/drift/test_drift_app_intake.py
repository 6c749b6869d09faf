"""Laws of the intake: which items are watched, and what is not believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unit.drift.drift_envelopes import enveloped, item_of
from unit.drift.drift_traffic import Traffic
from weir.drift.core.stream.intake import observations_of
from weir.drift.core.stream.seen import nothing_seen
from weir.events import FeatureItem, InvalidEvent, Outcome, TextFeatures

ITEM = item_of(Traffic(1).event(session="s-1"))


def with_prompt(**fields: object) -> FeatureItem:
    prompt: TextFeatures = replace(ITEM.prompt, **fields)  # type: ignore[arg-type]  # fields by name
    return replace(ITEM, prompt=prompt)


def test_an_observation_says_what_the_item_says() -> None:
    (seen,) = observations_of(enveloped([ITEM]))

    assert (seen.event_id, seen.request_id, seen.session_id) == (ITEM.response_event_id, ITEM.request_id, "s-1")
    assert (seen.event_time_us, seen.char_count, seen.words) == (
        ITEM.event_time_us, ITEM.prompt.chars, ITEM.prompt.tokens,
    )  # fmt: skip
    assert seen.embedding is not None
    assert np.allclose(seen.embedding, ITEM.prompt.embedding)


@pytest.mark.parametrize(("outcome", "watched"), [("ok", 1), ("failed", 1), ("refused", 0), ("aborted", 0)])
def test_calls_that_the_model_served_are_watched(outcome: Outcome, watched: int) -> None:
    assert len(observations_of(enveloped([replace(ITEM, outcome=outcome)]))) == watched


def test_a_call_without_text_says_nothing() -> None:
    assert observations_of(enveloped([with_prompt(chars=0)])) == []


def test_a_call_that_was_not_embedded_is_watched_by_its_statistics() -> None:
    (seen,) = observations_of(enveloped([with_prompt(embedding=())]))

    assert seen.embedding is None


def test_long_tokens_are_cut() -> None:
    (seen,) = observations_of(enveloped([with_prompt(tokens=("x" * 100,))]))

    assert seen.words == ("x" * 64,)


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        (with_prompt(embedding=(1.0, 0.0)), "has 2 numbers; the envelope says 24"),
        (with_prompt(embedding=(0.0,) * 24), "norm 0.0; expected a finite, non-zero vector"),
        (with_prompt(tokens=("a\nb",)), "line feed or unit separator"),
        (with_prompt(tokens=("a\x1fb",)), "line feed or unit separator"),
        (with_prompt(tokens=("a",) * 257), "257 words"),
        (with_prompt(punctuation_share=1.5), "punctuation_share.*1.5"),
        (with_prompt(words=-1), "-1 words"),
    ],
)
def test_an_item_that_cannot_be_believed_names_its_fault(item: FeatureItem, complaint: str) -> None:
    with pytest.raises(InvalidEvent, match=complaint):
        observations_of(enveloped([item]))


def test_the_oldest_events_are_forgotten_first() -> None:
    seen = nothing_seen(3).with_ids(["a", "b"]).with_ids(["c", "d"])

    assert [name in seen for name in "abcd"] == [False, True, True, True]
    with pytest.raises(ValueError, match="capacity of seen events is 0"):
        nothing_seen(0)
