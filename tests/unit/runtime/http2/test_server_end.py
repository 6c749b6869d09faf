"""The server's end: what opens a stream, what ends it, and what a client may not do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.http2 import wire
from harness.http2.noted import Requests
from harness.http2.served import LIMITS, OK, REQUEST, TRAILERS, Served
from harness.http2.wire import data, encoded, frames_in, headers, request_fields
from weir.runtime.http2 import frames
from weir.runtime.http2.faults import LOST, ConnectionFault, ErrorCode
from weir.runtime.http2.frames import GOAWAY, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.http2.server_end import ServerEnd


def test_it_says_first_what_it_takes() -> None:
    end = ServerEnd(LIMITS, Requests())

    first, second = frames_in(wire.written(end))

    assert (first.kind, second.kind) == (SETTINGS, WINDOW_UPDATE)
    assert dict(frames.SETTING.iter_unpack(first.payload)) == {
        frames.MAX_CONCURRENT_STREAMS: 4, frames.INITIAL_WINDOW_SIZE: 65_535, frames.MAX_HEADER_LIST_SIZE: 1_000,
    }  # fmt: skip
    assert second.number == LIMITS.connection_window_bytes - 65_535


@pytest.mark.parametrize(
    "wrong", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nXX", b"\n"]
)
def test_what_does_not_begin_as_http2_is_refused_at_its_first_wrong_byte(wrong: bytes) -> None:
    with pytest.raises(ConnectionFault) as caught:
        ServerEnd(LIMITS, Requests()).receive(wrong, 0.0)

    assert caught.value.code == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "first",
    [frames.frame(PING, 0, 0, bytes(8)), headers(1, REQUEST), data(1, b"x"), frames.frame(99, 0, 0),
     frames.frame(SETTINGS, frames.ACK, 0)],
    ids=["ping", "headers", "data", "unknown", "an acknowledgement"],
)  # fmt: skip
def test_the_first_frame_is_settings(first: bytes) -> None:
    with pytest.raises(ConnectionFault) as caught:
        ServerEnd(LIMITS, Requests()).receive(PREFACE + first + headers(3, REQUEST), 0.0)

    assert caught.value.code == ErrorCode.PROTOCOL_ERROR


def test_a_request_is_opened_heard_and_forgotten_once_both_ends_are_through() -> None:
    served = Served()

    served.hears(headers(1, REQUEST), data(1, b"ab", padding=4), data(1, b"", is_end=True))
    stream, fields, noted = served.requests.taken[0]
    assert list(fields.fields) == request_fields()
    assert noted.calls == [("data", b"ab", False), ("data", b"", True)]
    assert served.end.streams == {1: stream}

    served.end.send_headers(stream, OK)
    served.end.send_data(stream, b"answer", is_end=True)
    assert served.end.streams == {}


@pytest.mark.parametrize("end", [data(1, b"x", is_end=True), headers(1, TRAILERS, is_end=True)])
def test_an_answer_before_the_end_of_the_request_is_an_answer(end: bytes) -> None:
    served = Served()
    served.hears(headers(1, REQUEST))
    stream, _, noted = served.requests.taken[0]

    served.end.send_headers(stream, OK, is_end=True)
    assert served.end.streams == {1: stream}
    served.hears(end)

    assert noted.is_over
    assert served.end.streams == {}


def test_a_client_that_still_sends_after_the_answer_is_told_to_stop() -> None:
    served = Served()
    served.hears(headers(1, REQUEST))
    stream, _, noted = served.requests.taken[0]

    served.end.send_headers(stream, OK, is_end=True)
    served.end.stop_reading(stream)

    assert [(one.stream_id, one.number) for one in served.written() if one.kind == RST_STREAM] == [(1, 0)]
    assert (served.end.streams, noted.resets) == ({}, [ErrorCode.NO_ERROR])


@pytest.mark.parametrize("pieces", [1, 2, 5])
@pytest.mark.parametrize("padding", [None, 0, 20])
@pytest.mark.parametrize("parent", [None, 0, 3])
def test_padding_priority_and_continuation_change_no_request(
    pieces: int, padding: int | None, parent: int | None
) -> None:
    served = Served()

    served.hears(headers(1, REQUEST, is_end=True, pieces=pieces, padding=padding, parent=parent))

    assert [(number, list(fields), calls) for number, fields, calls in served.requests.calls()] == [
        (1, request_fields(), [("data", b"", True)])
    ]


def test_trailers_end_a_request() -> None:
    served = Served()

    served.hears(headers(1, REQUEST), data(1, b"x"), headers(1, TRAILERS, is_end=True))

    assert served.requests.taken[0][2].calls == [("data", b"x", False), ("headers", ((b"t", b"1"),), True)]


LENGTH = encoded(request_fields(b"/x", (b"content-length", b"3")))


@pytest.mark.parametrize("pieces", [[b"abc"], [b"a", b"bc", b""], [b"", b"abc"]])
def test_content_of_its_length_is_taken(pieces: list[bytes]) -> None:
    served = Served()
    ends = [data(1, piece, is_end=at == len(pieces) - 1) for at, piece in enumerate(pieces)]

    assert served.resets(headers(1, LENGTH), *ends) == []
    assert served.requests.taken[0][2].body == b"abc"


@pytest.mark.parametrize(
    "wires",
    [
        [headers(1, LENGTH, is_end=True)],
        [headers(1, LENGTH), data(1, b"ab", is_end=True)],
        [headers(1, LENGTH), data(1, b"abcd")],
        [headers(1, LENGTH), data(1, b"ab"), headers(1, TRAILERS, is_end=True)],
        [headers(1, encoded(request_fields(b"/x", (b"content-length", b"3"), (b"content-length", b"4"))))],
        [headers(1, encoded(request_fields(b"/x", (b"content-length", b"-1"))))],
        [headers(1, encoded(request_fields(b"/x", (b"content-length", b"9" * 30)))), data(1, b"x", is_end=True)],
    ],
)
def test_content_of_another_length_is_a_fault_of_its_stream(wires: list[bytes]) -> None:
    served = Served()

    assert served.resets(*wires) == [(1, ErrorCode.PROTOCOL_ERROR)]
    assert served.end.streams == {}


@pytest.mark.parametrize(
    "fields",
    [
        request_fields()[1:], request_fields()[:2], request_fields(b""), request_fields(b"/x", (b"Upper", b"1")),
        request_fields(b"/x", (b"connection", b"close")), request_fields(b"/x", (b"te", b"gzip")),
        request_fields(b"/x", (b"", b"1")), request_fields(b"/x", (b"a b", b"1")), request_fields(b"/x", (b"a", b"1\n")),
        request_fields(b"/x", (b"a", b"\0")), request_fields(b"/x", (b"a", b" 1")), request_fields(b"/x", (b":path", b"/y")),
        [*request_fields(), (b":method", b"POST")], [(b"a", b"1"), *request_fields()], [(b":status", b"200"), *request_fields()],
        [(b":else", b"1"), *request_fields()], request_fields(b"/x\r\n"),
        request_fields(b"/x", (b"transfer-encoding", b"chunked")),
    ],
)  # fmt: skip
def test_a_malformed_request_is_a_fault_of_its_stream(fields: wire.Fields) -> None:
    served = Served()

    assert served.resets(headers(1, encoded(fields), is_end=True)) == [(1, ErrorCode.PROTOCOL_ERROR)]
    assert served.requests.taken == []
    assert served.resets(headers(3, REQUEST, is_end=True)) == []
    assert len(served.requests.taken) == 1


@pytest.mark.parametrize("block", [encoded([(b":status", b"1")]), encoded([(b"A", b"1")]), TRAILERS])
def test_malformed_trailers_are_a_fault_of_their_stream(block: bytes) -> None:
    served = Served()
    is_end = block != TRAILERS  # trailers that are not the end

    assert served.resets(headers(1, REQUEST), headers(1, block, is_end=is_end)) == [(1, ErrorCode.PROTOCOL_ERROR)]
    assert served.requests.taken[0][2].resets == [ErrorCode.PROTOCOL_ERROR]


def test_a_stream_beyond_the_limit_is_refused_and_the_next_one_is_taken_when_one_ends() -> None:
    served = Served()
    asked = [headers(number, REQUEST, is_end=True) for number in (1, 3, 5, 7, 9)]

    assert served.resets(*asked) == [(9, ErrorCode.REFUSED_STREAM)]
    served.end.send_headers(served.requests.taken[0][0], OK, is_end=True)

    assert served.resets(headers(11, REQUEST, is_end=True)) == []
    assert [stream.id for stream, _, _ in served.requests.taken] == [1, 3, 5, 7, 11]


@pytest.mark.parametrize(
    ("wires", "code"),
    [
        ([data(1, b"x", is_end=True)], ErrorCode.STREAM_CLOSED),
        ([headers(1, TRAILERS, is_end=True)], ErrorCode.STREAM_CLOSED),
        ([frames.window_update(1, 0)], ErrorCode.PROTOCOL_ERROR),
        ([frames.window_update(1, 2**31 - 1)], ErrorCode.FLOW_CONTROL_ERROR),
        ([frames.frame(frames.PRIORITY, 0, 1, b"1234")], ErrorCode.FRAME_SIZE_ERROR),
    ],
)
def test_a_fault_of_a_stream_ends_that_stream_alone(wires: list[bytes], code: ErrorCode) -> None:
    served = Served()

    assert served.resets(headers(1, REQUEST, is_end=True), headers(3, REQUEST), *wires, data(3, b"y")) == [(1, code)]

    assert served.requests.taken[0][2].resets == [code]
    assert served.requests.taken[1][2].body == b"y"


def test_more_data_than_the_streams_window_is_a_fault_of_the_stream() -> None:
    served = Served(limits=Http2Limits(stream_window_bytes=20_000))
    full = data(1, bytes(10_000))

    assert served.resets(headers(1, REQUEST), full, full, data(1, b"x")) == [(1, ErrorCode.FLOW_CONTROL_ERROR)]


def test_padding_counts_for_the_streams_window() -> None:
    served = Served(limits=Http2Limits(stream_window_bytes=20_000))
    padded = [data(1, b"x", padding=255)] * 77  # 257 bytes each

    assert served.resets(headers(1, REQUEST), *padded) == []
    assert served.resets(data(1, b"x", padding=255)) == [(1, ErrorCode.FLOW_CONTROL_ERROR)]


def test_a_window_that_is_granted_may_be_used() -> None:
    served = Served(limits=Http2Limits(stream_window_bytes=20_000))
    full = data(1, bytes(10_000))
    served.hears(headers(1, REQUEST), full, full)

    served.end.grant(served.requests.taken[0][0], 5)

    assert [(one.stream_id, one.number) for one in served.written()] == [(1, 5)]
    assert served.resets(data(1, b"12345")) == []
    assert served.resets(data(1, b"6")) == [(1, ErrorCode.FLOW_CONTROL_ERROR)]


@given(st.lists(st.tuples(st.integers(0, 16_000), st.sampled_from([None, 0, 100, 255])), max_size=40))
def test_the_connections_window_is_refilled_by_what_came(sizes: list[tuple[int, int | None]]) -> None:
    limits = Http2Limits(stream_window_bytes=2**30, connection_window_bytes=100_000)
    served = Served(limits=limits)
    left = limits.connection_window_bytes
    served.hears(headers(1, REQUEST))

    for size, padding in sizes:
        wired = data(1, bytes(size), padding=padding)
        left -= len(wired) - 9
        left += sum(one.number for one in served.hears(wired) if one.kind == WINDOW_UPDATE and one.stream_id == 0)
        assert limits.connection_window_bytes // 2 <= left <= limits.connection_window_bytes


@pytest.mark.parametrize(
    ("wires", "code"),
    [
        ([headers(2, REQUEST)], ErrorCode.PROTOCOL_ERROR),
        ([headers(0, REQUEST)], ErrorCode.PROTOCOL_ERROR),
        ([headers(5, REQUEST), headers(3, REQUEST)], ErrorCode.PROTOCOL_ERROR),
        ([data(0, b"x")], ErrorCode.PROTOCOL_ERROR),
        ([data(9, b"x")], ErrorCode.PROTOCOL_ERROR),
        ([frames.rst_stream(9, 8)], ErrorCode.PROTOCOL_ERROR),
        ([frames.rst_stream(0, 8)], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(RST_STREAM, 0, 1, b"123")], ErrorCode.FRAME_SIZE_ERROR),
        ([frames.window_update(9, 1)], ErrorCode.PROTOCOL_ERROR),
        ([frames.window_update(0, 0)], ErrorCode.PROTOCOL_ERROR),
        ([frames.window_update(0, 2**31 - 1)], ErrorCode.FLOW_CONTROL_ERROR),
        ([frames.frame(WINDOW_UPDATE, 0, 0, b"123")], ErrorCode.FRAME_SIZE_ERROR),
        ([frames.frame(SETTINGS, 0, 1)], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(SETTINGS, 0, 0, b"12345")], ErrorCode.FRAME_SIZE_ERROR),
        ([frames.frame(SETTINGS, frames.ACK, 0, bytes(6))], ErrorCode.FRAME_SIZE_ERROR),
        ([frames.settings_frame({frames.ENABLE_PUSH: 2})], ErrorCode.PROTOCOL_ERROR),
        ([frames.settings_frame({frames.INITIAL_WINDOW_SIZE: 2**31})], ErrorCode.FLOW_CONTROL_ERROR),
        ([frames.settings_frame({frames.MAX_FRAME_SIZE: 16_383})], ErrorCode.PROTOCOL_ERROR),
        ([frames.settings_frame({frames.MAX_FRAME_SIZE: 2**24})], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(PING, 0, 1, bytes(8))], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(PING, 0, 0, bytes(7))], ErrorCode.FRAME_SIZE_ERROR),
        ([frames.frame(GOAWAY, 0, 1, bytes(8))], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(GOAWAY, 0, 0, bytes(7))], ErrorCode.FRAME_SIZE_ERROR),
        ([frames.frame(frames.PUSH_PROMISE, 4, 1, bytes(8))], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(frames.PRIORITY, 0, 0, bytes(5))], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(frames.CONTINUATION, 4, 1, REQUEST)], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(frames.HEADERS, 0, 1, REQUEST), frames.frame(PING, 0, 0, bytes(8))], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(frames.HEADERS, 0, 1, REQUEST), headers(3, REQUEST)], ErrorCode.PROTOCOL_ERROR),
        (
            [frames.frame(frames.HEADERS, 0, 1, REQUEST), frames.frame(frames.CONTINUATION, 4, 3, b"")],
            ErrorCode.PROTOCOL_ERROR,
        ),
        ([headers(1, REQUEST, parent=1)], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(frames.PRIORITY, 0, 1, b"\0\0\0\1\0")], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(frames.HEADERS, 0xC, 1, b"")], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(frames.HEADERS, 0xC, 1, b"\x05abcd")], ErrorCode.PROTOCOL_ERROR),
        ([frames.frame(frames.HEADERS, 0x24, 1, b"abcd")], ErrorCode.FRAME_SIZE_ERROR),
        ([headers(1, REQUEST), frames.frame(frames.DATA, 8, 1, b"\x01")], ErrorCode.PROTOCOL_ERROR),
        ([headers(1, b"\xff\xff")], ErrorCode.COMPRESSION_ERROR),
        ([b"\x00\x40\x01" + bytes(6)], ErrorCode.FRAME_SIZE_ERROR),
    ],
)
def test_a_fault_of_the_connection_ends_it(wires: list[bytes], code: ErrorCode) -> None:
    assert Served().fault(*wires) == code


def test_a_window_beyond_its_limit_by_new_settings_ends_the_connection() -> None:
    served = Served()
    served.hears(headers(1, REQUEST), frames.window_update(1, 2**31 - 1 - 65_535))

    assert served.fault(frames.settings_frame({frames.INITIAL_WINDOW_SIZE: 65_536})) == ErrorCode.FLOW_CONTROL_ERROR


def test_pings_and_settings_are_acknowledged_in_order_and_unknown_frames_ignored() -> None:
    made = Served().hears(
        frames.frame(PING, 0, 0, b"12345678"),
        frames.frame(99, 255, 0, b"whatever"),
        frames.frame(PING, frames.ACK, 0, bytes(8)),
        frames.settings_frame({99: 5, frames.ENABLE_PUSH: 1}),
        frames.frame(SETTINGS, frames.ACK, 0),
    )

    assert [(one.kind, one.flags, one.payload) for one in made] == [(PING, 1, b"12345678"), (SETTINGS, 1, b"")]


def test_a_server_that_stops_says_what_it_took_and_takes_no_more() -> None:
    served = Served()
    served.hears(headers(1, REQUEST))

    served.end.stop()
    served.end.stop()
    said = served.written()
    assert [(one.kind, one.payload) for one in said] == [(GOAWAY, bytes([0, 0, 0, 1, 0, 0, 0, 0]))]
    assert served.hears(headers(3, REQUEST), data(3, b"x"), data(1, b"y", is_end=True)) == []

    assert [(number, calls) for number, _, calls in served.requests.calls()] == [(1, [("data", b"y", True)])]


def test_a_lost_connection_ends_every_stream_once() -> None:
    served = Served()
    served.hears(headers(1, REQUEST), headers(3, REQUEST, is_end=True))

    served.end.lose("gone")
    served.end.lose("gone")

    assert [noted.calls[-1] for _, _, noted in served.requests.taken] == [("reset", LOST, "gone")] * 2
    assert served.end.streams == {}
