"""The client's end: what answers a request, what a server may not do, and a server that goes away."""

from __future__ import annotations

import pytest

from harness.http2 import wire
from harness.http2.noted import Noted
from harness.http2.wire import data, encoded, frames_in, frames_of_kind, headers, request_fields, written
from weir.runtime.http2 import frames
from weir.runtime.http2.client_end import NOT_TAKEN, ClientEnd
from weir.runtime.http2.faults import LOST, ConnectionFault, ErrorCode
from weir.runtime.http2.frames import PREFACE, RST_STREAM, SETTINGS, STREAM_ID_MAX
from weir.runtime.http2.limits import Http2Limits

REQUEST = encoded(request_fields())
OK, EARLY = encoded([(b":status", b"200"), (b"a", b"1")]), encoded([(b":status", b"103"), (b"link", b"x")])
TRAILERS = encoded([(b"t", b"1")])


class Asking:
    """A client's end with some requests under way, each sent whole."""

    def __init__(self, calls: int = 1, settings: dict[int, int] | None = None) -> None:
        self.end = ClientEnd(Http2Limits())
        self.end.receive(frames.settings_frame(settings or {}), 0.0)
        self.receivers = [Noted() for _ in range(calls)]
        self.streams = [self.end.open(receiver, REQUEST, is_end=True) for receiver in self.receivers]
        written(self.end)

    def hears(self, *wires: bytes) -> None:
        """Take frames of the server."""
        self.end.receive(b"".join(wires), 0.0)

    def resets(self) -> list[tuple[int, int]]:
        """Stream and code of each RST_STREAM that is to be written."""
        return [(one.stream_id, one.number) for one in frames_of_kind(written(self.end), RST_STREAM)]


def test_it_says_first_who_it_is_and_what_it_takes() -> None:
    said = written(ClientEnd(Http2Limits()))

    assert said.startswith(PREFACE)
    first = next(frames_in(said))
    assert first.kind == SETTINGS
    assert dict(frames.SETTING.iter_unpack(first.payload))[frames.ENABLE_PUSH] == 0


@pytest.mark.parametrize("pieces", [1, 3])
def test_an_answer_is_heard_in_order_and_its_stream_forgotten(pieces: int) -> None:
    asking = Asking()

    asking.hears(
        headers(1, EARLY),
        headers(1, OK, pieces=pieces),
        data(1, b"ab"),
        data(1, b"c"),
        headers(1, TRAILERS, is_end=True),
    )

    assert asking.receivers[0].headers == [((b":status", b"200"), (b"a", b"1")), ((b"t", b"1"),)]
    assert asking.receivers[0].body == b"abc"
    assert asking.receivers[0].is_over
    assert asking.end.streams == {}


def test_an_answer_before_the_request_is_whole_leaves_the_rest_to_be_sent() -> None:
    end, receiver = ClientEnd(Http2Limits()), Noted()
    end.receive(frames.settings_frame({}), 0.0)
    stream = end.open(receiver, REQUEST)

    end.receive(headers(1, OK, is_end=True), 0.0)
    assert end.streams == {1: stream}
    end.send_data(stream, b"", is_end=True)

    assert end.streams == {}


@pytest.mark.parametrize(
    "wires",
    [
        [data(1, b"before the headers")],
        [headers(1, EARLY), data(1, b"x")],
        [headers(1, EARLY, is_end=True)],
        [headers(1, OK), headers(1, TRAILERS)],
        [headers(1, OK), headers(1, OK, is_end=True)],
        [headers(1, TRAILERS)],
        [headers(1, encoded([(b":status", b"2000")]))],
        [headers(1, encoded([(b":status", b"ok!")]))],
        [headers(1, encoded([(b":status", b"200"), (b":path", b"/")]))],
        [headers(1, encoded([(b":status", b"200"), (b"connection", b"close")]))],
    ],
)
def test_a_malformed_answer_ends_its_call_alone(wires: list[bytes]) -> None:
    asking = Asking(calls=2)

    asking.hears(*wires, headers(3, OK, is_end=True))

    assert asking.resets() == [(1, ErrorCode.PROTOCOL_ERROR)]
    assert asking.receivers[0].resets == [ErrorCode.PROTOCOL_ERROR]
    assert asking.receivers[1].headers != []
    assert asking.end.streams == {}


@pytest.mark.parametrize("wires", [[data(1, b"x")], [headers(1, TRAILERS, is_end=True)]])
def test_what_comes_after_the_end_of_an_answer_ends_the_connection(wires: list[bytes]) -> None:
    asking = Asking()
    asking.hears(headers(1, OK, is_end=True))

    with pytest.raises(ConnectionFault) as caught:
        asking.hears(*wires)

    assert caught.value.code == ErrorCode.STREAM_CLOSED


@pytest.mark.parametrize(
    "late", [data(1, b"x"), headers(1, OK), headers(1, TRAILERS, is_end=True), frames.rst_stream(1, 8)]
)
def test_what_comes_late_for_a_call_that_was_given_up_is_dropped(late: bytes) -> None:
    asking = Asking()
    asking.end.cancel(asking.streams[0])

    asking.hears(late)

    assert asking.resets() == [(1, ErrorCode.CANCEL)]
    assert asking.receivers[0].calls == []


@pytest.mark.parametrize(
    "wrong", [headers(2, OK), headers(5, OK), data(2, b"x"), data(5, b"x"), frames.frame(frames.PUSH_PROMISE, 4, 1, bytes(8)),
              frames.rst_stream(5, 8), frames.window_update(2, 8)]
)  # fmt: skip
def test_a_server_opens_no_stream(wrong: bytes) -> None:
    with pytest.raises(ConnectionFault) as caught:
        Asking().hears(wrong)

    assert caught.value.code == ErrorCode.PROTOCOL_ERROR


def test_a_reset_tells_the_call_its_code() -> None:
    asking = Asking(calls=2)

    asking.hears(frames.rst_stream(3, ErrorCode.REFUSED_STREAM), frames.rst_stream(1, 77))

    assert asking.receivers[1].resets == [ErrorCode.REFUSED_STREAM]
    assert asking.receivers[0].resets == [77]
    assert "REFUSED_STREAM" in asking.receivers[1].calls[0][2]


def test_a_server_that_goes_away_serves_what_it_took() -> None:
    asking = Asking(calls=3)

    asking.hears(frames.goaway(3, ErrorCode.NO_ERROR, "bye"), headers(1, OK, is_end=True), headers(3, OK, is_end=True))

    assert [len(receiver.headers) for receiver in asking.receivers] == [1, 1, 0]
    assert asking.receivers[2].calls == [("reset", ErrorCode.REFUSED_STREAM, NOT_TAKEN)]
    assert not asking.end.can_open()
    assert asking.end.streams == {}


def test_a_second_goaway_may_take_fewer() -> None:
    asking = Asking(calls=2)

    asking.hears(frames.goaway(STREAM_ID_MAX, 0))
    assert [receiver.calls for receiver in asking.receivers] == [[], []]
    asking.hears(frames.goaway(1, 0))

    assert [receiver.resets for receiver in asking.receivers] == [[], [ErrorCode.REFUSED_STREAM]]


def test_the_servers_limit_of_streams_is_kept() -> None:
    asking = Asking(calls=2, settings={frames.MAX_CONCURRENT_STREAMS: 3})

    assert asking.end.can_open()
    asking.end.open(Noted(), REQUEST)
    assert not asking.end.can_open()
    asking.hears(headers(1, OK, is_end=True))
    assert asking.end.can_open()
    asking.hears(frames.settings_frame({frames.MAX_CONCURRENT_STREAMS: 0}))
    assert not asking.end.can_open()


def test_the_last_stream_of_a_connection_ends_it_for_new_calls() -> None:
    asking = Asking()
    asking.end._next_id = STREAM_ID_MAX

    assert asking.end.can_open()
    stream = asking.end.open(Noted(), REQUEST)

    assert stream.id == STREAM_ID_MAX
    assert not asking.end.can_open()
    assert asking.end.is_going


def test_a_lost_connection_ends_every_call_once() -> None:
    asking = Asking(calls=2)

    asking.end.lose("gone")
    asking.end.lose("gone")

    assert [receiver.calls for receiver in asking.receivers] == [[("reset", LOST, "gone")]] * 2
    assert not asking.end.can_open()


@pytest.mark.parametrize("content", [b"", b"x" * 3])
def test_an_answer_of_any_length_is_taken(content: bytes) -> None:
    asking = Asking()
    length: wire.Fields = [(b":status", b"200"), (b"content-length", b"3")]

    asking.hears(headers(1, encoded(length)), data(1, content, is_end=True))

    assert asking.receivers[0].body == content
