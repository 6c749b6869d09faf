"""Laws of spool records: a record reads back as written, a cut is noticed, a flipped bit is noticed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import NOON_US, call, call_end
from weir.capture.frames import HEAD, SIZES, anchor_of, scan
from weir.events import InvalidEvent
from weir.gateway.core.call import Feedback
from weir.gateway.core.record import Record, pack, unpack


def completed_record(seq: int = 0, wire: bytes = b"in", responses: tuple[bytes, ...] = (b"out",)) -> Record:
    return Record(
        kind="completed",
        source="gateway/1",
        boot_epoch=NOON_US,
        seq=seq,
        call=call(),
        end=call_end(),
        wire=wire,
        responses=responses,
        wire_bytes=len(wire),
        response_bytes=sum(map(len, responses)),
    )


@given(wire=st.binary(max_size=300), responses=st.lists(st.binary(max_size=300), max_size=4))
def test_unpacking_a_packed_record_gives_it_back(wire: bytes, responses: list[bytes]) -> None:
    record = completed_record(wire=wire, responses=tuple(responses))

    [found] = scan(pack(record), 0)

    assert found.payload is not None
    assert unpack(found.payload) == record


def test_feedback_is_a_record_too() -> None:
    feedback = Feedback(event_id="e", tenant="demo", request_id="r", time_us=NOON_US, score=-1.0)
    record = Record(kind="feedback", source="gateway/1", boot_epoch=NOON_US, seq=3, feedback=feedback)

    assert unpack(pack(record)[HEAD.size :]) == record


@given(cut=st.integers(min_value=1, max_value=10_000))
def test_a_cut_record_is_not_given_and_those_before_it_are(cut: int) -> None:
    whole, torn = pack(completed_record(0)), pack(completed_record(1))
    segment = whole + torn[: max(0, len(torn) - cut)]

    assert [found.end for found in scan(segment, 0)] == [len(whole)]


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_payload_is_found_and_the_next_record_still_read(place: int, bit: int) -> None:
    first, second = bytearray(pack(completed_record(0))), pack(completed_record(1))
    index = HEAD.size + place % (len(first) - HEAD.size)
    first[index] ^= 1 << bit

    bad, good = scan(bytes(first) + second, 0)

    assert bad.payload is None
    assert good.payload is not None


@pytest.mark.parametrize("length", [0, 7, 1_000, 2**20, 2**31])
def test_a_wrong_length_costs_its_record_alone(length: int) -> None:
    bad, good = HEAD.pack(length, 0) + b"it was a record", pack(completed_record())

    [lost, found] = scan(bad + good, 0)

    assert (lost.payload, lost.end) == (None, len(bad))
    assert found.payload == good[HEAD.size :]


def test_a_record_in_the_texts_of_a_record_is_none() -> None:
    """A caller who knows the format cannot make an event of its own out of a damaged disk: it does not know the mark."""
    forged = pack(completed_record(77))
    segment = bytearray(pack(completed_record(0, wire=forged), MARK) + pack(completed_record(2), MARK))
    segment[1] ^= 1

    found = [unpack(one.payload).seq for one in scan(bytes(segment), 0, anchor=anchor_of(MARK)) if one.payload]

    assert found == [2]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=6), st.integers(2, 6))
def test_whatever_bytes_are_damaged_every_other_record_is_read(damage: list[tuple[int, int]], count: int) -> None:
    records = [pack(completed_record(seq * 2, wire=b"w" * seq * 7), MARK) for seq in range(count)]
    starts = [sum(map(len, records[:index])) for index in range(count + 1)]
    segment = bytearray(b"".join(records))
    hit = set[int]()
    for place, flip in damage:
        at = place % len(segment)
        segment[at] ^= flip
        hit.add(next(index for index in range(count) if starts[index] <= at < starts[index + 1]))

    found = list(scan(bytes(segment), 0, anchor=anchor_of(MARK)))

    read = [unpack(one.payload).seq // 2 for one in found if one.payload is not None]
    assert set(read) >= set(range(count)) - hit
    assert read == sorted(set(read))
    assert [one.end for one in found[:-1]] == [one.start for one in found[1:]]


@given(st.binary(max_size=400))
def test_any_payload_is_a_record_or_one_invalid_event(payload: bytes) -> None:
    with pytest.raises(InvalidEvent, match="undecodable"):
        unpack(payload)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
    st.sampled_from(
        [
            "kind",
            "source",
            "boot_epoch",
            "seq",
            "call",
            "end",
            "feedback",
            "gap",
            "sizes",
            "wire_bytes",
            "response_bytes",
        ]
    ),
)
def test_a_head_of_any_shape_is_a_record_or_one_invalid_event(value: object, field: str) -> None:
    head = {**HEAD_FACTS, field: value}
    text = json.dumps(head).encode()
    try:
        record = unpack(SIZES.pack(len(text)) + text + b"in")
    except InvalidEvent:
        return
    assert record.seq >= 0


@pytest.mark.parametrize("session", ["\ud800", "a\udfffb", "\x00"])
def test_a_text_that_utf_8_cannot_carry_is_packed_all_the_same(session: str) -> None:
    said = call(session_id=session, deadline_ms=2**70, labels={"user.id": session})
    record = unpack(pack(replace(completed_record(), call=said))[HEAD.size :])

    assert record.call is not None
    assert record.call.labels == {"user.id": record.call.session_id}
    assert record.call.session_id == session.replace("\ud800", "\ufffd").replace("\udfff", "\ufffd")
    assert record.call.deadline_ms in (None, 2**70)


MARK = "00112233445566ff"

HEAD_FACTS = {
    "kind": "gap",
    "source": "gateway/1",
    "boot_epoch": NOON_US,
    "seq": 4,
    "call": None,
    "end": None,
    "feedback": None,
    "gap": {"first_seq": 1, "last_seq": 3, "reason": "spool_full"},
    "sizes": [2],
    "wire_bytes": 2,
    "response_bytes": 0,
}


@pytest.mark.parametrize("start", [0, 1])
def test_scanning_goes_on_from_where_it_was(start: int) -> None:
    records = [pack(completed_record(seq)) for seq in range(3)]
    place = sum(map(len, records[:start]))

    found = [unpack(item.payload).seq for item in scan(b"".join(records), place) if item.payload]

    assert found == list(range(start, 3))
