"""Laws of spool records: a record reads back as written, a cut is noticed, a flipped bit is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON_US, call, call_end
from weir.gateway.core.call import Feedback
from weir.gateway.core.record import HEAD, Record, pack, scan, unpack


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


def test_an_unbelievable_length_condemns_the_rest() -> None:
    segment = HEAD.pack(2**31, 0) + pack(completed_record())

    assert [(found.payload, found.end) for found in scan(segment, 0)] == [(None, len(segment))]


@pytest.mark.parametrize("start", [0, 1])
def test_scanning_goes_on_from_where_it_was(start: int) -> None:
    records = [pack(completed_record(seq)) for seq in range(3)]
    place = sum(map(len, records[:start]))

    found = [unpack(item.payload).seq for item in scan(b"".join(records), place) if item.payload]

    assert found == list(range(start, 3))
