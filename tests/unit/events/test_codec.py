"""Laws of the codec: what was encoded is what is decoded, and bad bytes are named, never believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import completed, one_of_each
from weir.events import EVENT_TYPES, Event, InvalidEvent, decode_body, encode_body, frame, unframe


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.EVENT)
def test_decoding_an_encoded_event_gives_it_back(event: Event) -> None:
    decoded = decode_body(event.EVENT, encode_body(event))

    assert encode_body(decoded) == encode_body(event)
    assert type(decoded) is type(event)


def test_builders_cover_every_event() -> None:
    assert {event.EVENT for event in one_of_each()} == set(EVENT_TYPES)


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    latency_ms=st.floats(allow_nan=False, allow_infinity=False, width=64),
)
def test_any_text_and_number_survives(text: str, latency_ms: float) -> None:
    event = completed(output_text=text, latency_ms=latency_ms, contexts=())

    assert decode_body(event.EVENT, encode_body(event)) == event


@given(schema_id=st.integers(0, 2**32 - 1), body=st.binary(max_size=64))
def test_unframing_a_frame_gives_its_parts(schema_id: int, body: bytes) -> None:
    assert unframe(frame(schema_id, body)) == (schema_id, body)


@given(cut=st.integers(min_value=1, max_value=200))
def test_a_truncated_body_is_undecodable(cut: int) -> None:
    body = encode_body(completed())

    with pytest.raises(InvalidEvent, match="undecodable"):
        decode_body("InferenceCompleted", body[: -min(cut, len(body))])


def test_bytes_after_the_event_are_undecodable() -> None:
    with pytest.raises(InvalidEvent, match="3 of"):
        decode_body("InferenceCompleted", encode_body(completed()) + b"abc")


@pytest.mark.parametrize(
    ("message", "reason"),
    [(None, "null_payload"), (b"", "bad_magic"), (b'{"a":1}', "bad_magic"), (b"\x00\x00", "bad_magic")],
)
def test_a_message_that_is_not_framed_is_named(message: bytes | None, reason: str) -> None:
    with pytest.raises(InvalidEvent, match=reason):
        unframe(message)
