"""What a connection sends: within both windows, in order, in turns, whole in the end."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.http2.noted import Noted
from harness.http2.wire import Frame, frames_in, frames_of_kind, written
from weir.runtime.http2 import frames
from weir.runtime.http2.client_end import ClientEnd
from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.frames import DATA, HEADERS, RST_STREAM, WINDOW_DEFAULT
from weir.runtime.http2.header_blocks import literal
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.http2.stream import Stream

PATTERN = bytes(range(251)) * 1_200
"""Content whose pieces can be told apart."""

SIZES = st.sampled_from([0, 1, 5, 1_000, 16_384, 16_385, 50_000, 70_000, 200_000])
STREAM_NUMBERS = st.integers(0, 2)
STEPS = st.one_of(
    st.tuples(st.just("send"), STREAM_NUMBERS, SIZES),
    st.tuples(st.just("end"), STREAM_NUMBERS, st.sampled_from([0, 0, 1_000])),
    st.tuples(st.just("trailers"), STREAM_NUMBERS, st.just(0)),
    st.tuples(st.just("widen"), st.sampled_from([-1, 0, 1, 2]), st.sampled_from([1, 100, 20_000, 100_000])),
    st.tuples(st.just("initial window"), st.just(0), st.sampled_from([0, 1, 1_000, 65_535, 100_000])),
    st.tuples(st.just("frame size"), st.just(0), st.sampled_from([16_384, 20_000, 100_000])),
    st.tuples(st.sampled_from(["pause", "resume"]), st.just(0), st.just(0)),
)


@dataclass
class Peer:
    """A peer that keeps its own account of what it allows, and of what comes."""

    window: int = WINDOW_DEFAULT
    initial: int = WINDOW_DEFAULT
    frame_bytes: int = 16_384
    windows: dict[int, int] = field(default_factory=dict)
    came: dict[int, bytes] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def take(self, frame: Frame) -> None:
        """Check a frame against the windows. Raises AssertionError."""
        if frame.kind not in (DATA, HEADERS):
            return
        assert frame.stream_id not in self.ended, f"{frame} after the end of its stream"
        if frame.kind == HEADERS:
            self.came.setdefault(frame.stream_id, b"")
            self.windows.setdefault(frame.stream_id, self.initial)
        else:
            size = len(frame.payload)
            assert size <= self.frame_bytes
            self.window -= size
            self.windows[frame.stream_id] -= size
            assert size == 0 or min(self.window, self.windows[frame.stream_id]) >= 0, f"{size} bytes beyond a window"
            self.came[frame.stream_id] += frame.payload
        if frame.is_end:
            self.ended.add(frame.stream_id)


class Sending:
    """Three streams of a client, what was sent on each, and the peer that checks it."""

    def __init__(self) -> None:
        self.end = ClientEnd(Http2Limits())
        self.end.receive(frames.settings_frame({}), 0.0)
        self.peer = Peer()
        self.receivers = [Noted() for _ in range(3)]
        self.streams = [self.end.open(receiver, b"h") for receiver in self.receivers]
        self.sent = [b"", b"", b""]
        self.is_ended = [False, False, False]
        self.read()

    def read(self) -> list[Frame]:
        """Let the peer take what is to be written."""
        taken = list(frames_in(written(self.end)))
        for one in taken:
            self.peer.take(one)
        return taken

    def step(self, name: str, number: int, value: int) -> None:
        """Do one step of a script, and check what it sends."""
        match name:
            case "send" | "end" | "trailers":
                self.put(name, number, value)
            case "widen":
                self.widen(number, value)
            case "initial window":
                change, self.peer.initial = value - self.peer.initial, value
                self.peer.windows = {one: size + change for one, size in self.peer.windows.items()}
                self.end.receive(frames.settings_frame({frames.INITIAL_WINDOW_SIZE: value}), 0.0)
            case "frame size":
                self.peer.frame_bytes = value
                self.end.receive(frames.settings_frame({frames.MAX_FRAME_SIZE: value}), 0.0)
            case "pause":
                self.end.outlet.is_paused = True
            case "resume":
                self.end.outlet.is_paused = False
                self.end.outlet.pump()
        self.read()

    def finish(self) -> None:
        """Open every window and the socket."""
        self.step("frame size", 0, 16_384)
        self.step("resume", 0, 0)
        for number in (-1, 0, 1, 2):
            self.widen(number, 2**24)
        self.read()

    def put(self, name: str, number: int, size: int) -> None:
        if self.is_ended[number]:
            return
        stream, start = self.streams[number], len(self.sent[number])
        content = PATTERN[start % 251 :][:size]
        if name == "trailers":
            self.end.send_headers(stream, literal(b"t", b"1"), is_end=True)
        else:
            self.end.send_data(stream, content, is_end=name == "end")
            self.sent[number] += content
        self.is_ended[number] = name != "send"

    def widen(self, number: int, increment: int) -> None:
        stream_id = 0 if number < 0 else self.streams[number].id
        if stream_id:
            self.peer.windows[stream_id] += increment
        else:
            self.peer.window += increment
        self.end.receive(frames.window_update(stream_id, increment), 0.0)


@given(st.lists(STEPS, max_size=25))
def test_data_stays_within_both_windows_in_order_and_all_of_it_comes(steps: list[tuple[str, int, int]]) -> None:
    sending = Sending()

    for step in steps:
        sending.step(*step)
    sending.finish()

    for number, stream in enumerate(sending.streams):
        assert sending.peer.came[stream.id] == sending.sent[number]
        assert (stream.id in sending.peer.ended) is sending.is_ended[number]
        assert stream.unsent_bytes == 0


@given(st.lists(st.tuples(STREAM_NUMBERS, SIZES), min_size=1, max_size=8), st.integers(0, 2))
def test_what_waits_is_counted_and_forgotten_with_its_stream(sends: list[tuple[int, int]], gone: int) -> None:
    sending = Sending()
    sending.step("pause", 0, 0)

    for number, size in sends:
        sending.step("send", number, size)

    for number, stream in enumerate(sending.streams):
        assert stream.unsent_bytes == len(sending.sent[number]) - len(sending.peer.came[stream.id])
    sending.end.cancel(sending.streams[gone])
    sending.finish()
    assert sending.streams[gone].unsent_bytes == 0
    assert sending.peer.came[sending.streams[gone].id] == b""


def waiting(*sizes: int) -> Sending:
    """Streams with so many bytes that wait, each, for the connection's window."""
    sending = Sending()
    sending.step("pause", 0, 0)
    for number, size in enumerate(sizes):
        sending.step("widen", number, 2**20)
        sending.step("send", number, size)
    return sending


def test_streams_that_wait_take_turns() -> None:
    sending = waiting(40_000, 16_384, 40_000)
    sending.end.outlet.is_paused = False

    sending.end.outlet.pump()

    assert [(one.stream_id, len(one.payload)) for one in sending.read()] == [
        (1, 16_384), (3, 16_384), (5, 16_384), (1, 16_383),
    ]  # fmt: skip
    sending.widen(-1, 2**20)
    assert [(one.stream_id, len(one.payload)) for one in sending.read()] == [(5, 16_384), (1, 7_233), (5, 7_232)]


def test_a_stream_whose_window_is_shut_holds_no_other() -> None:
    sending = Sending()
    sending.step("initial window", 0, 0)
    sending.step("send", 0, 100_000)
    sending.step("widen", 1, 100)

    sending.step("send", 1, 60)
    assert sending.peer.came[3] == sending.sent[1]
    sending.step("send", 1, 60)

    assert len(sending.peer.came[3]) == 100
    assert sending.peer.came[1] == b""


def test_a_stream_whose_window_is_shut_is_not_looked_at_again_until_it_opens() -> None:
    sending = Sending()
    sending.step("initial window", 0, 0)
    for number in range(3):
        sending.step("send", number, 100)
    assert not sending.end.outlet._waiting

    sending.step("widen", 1, 100)

    assert sending.peer.came == {1: b"", 3: sending.sent[1], 5: b""}


def test_a_stream_that_is_over_takes_no_turn_though_no_window_opens() -> None:
    sending = waiting(100_000, 100_000)
    sending.step("resume", 0, 0)

    sending.end.cancel(sending.streams[0])
    sending.end.cancel(sending.streams[1])

    assert not sending.end.outlet._waiting


@pytest.mark.slow
@pytest.mark.parametrize("frame_bytes", [16_384, 4_194_304])
@pytest.mark.parametrize("size", [100, 16_384, 1_000_000, 4_000_000])
def test_no_more_is_made_into_frames_than_the_socket_gets_next(size: int, frame_bytes: int) -> None:
    """Else a long answer would be kept twice, and its client be taken for one that does not read."""
    room = Http2Limits().unread_bytes_max
    sending = Sending()
    sending.step("frame size", 0, frame_bytes)
    sending.step("widen", -1, 2**30)
    sending.step("widen", 0, 2**30)

    for _ in range(4_000_000 // size):
        sending.end.send_data(sending.streams[0], bytes(size))

    assert room - size <= sum(map(len, sending.end.outlet.frames)) <= 1.1 * room + 16_384
    assert sending.streams[0].unsent_bytes > 2_000_000
    first = sending.end.outlet.take()
    sending.end.outlet.pump()
    assert len(sending.end.outlet.take()) <= len(first) + 16_384
    assert sending.streams[0].unsent_bytes > 1_000_000
    sending.end.outlet.pump()
    sending.read()
    assert sending.streams[0].unsent_bytes == 0


def test_an_end_waits_for_no_window() -> None:
    sending = Sending()
    sending.step("initial window", 0, 0)
    sending.step("end", 0, 0)
    sending.step("trailers", 1, 0)

    assert sending.peer.ended == {1, 3}


def test_an_end_without_data_is_sent_though_the_window_is_below_zero() -> None:
    sending = Sending()
    sending.step("send", 0, 50_000)
    sending.step("initial window", 0, 0)
    assert sending.streams[0].send_window == -50_000

    sending.step("end", 0, 0)

    assert sending.peer.ended == {1}
    assert sending.end.outlet.window == sending.peer.window


def test_trailers_stay_behind_the_data_of_their_stream() -> None:
    sending = waiting(20_000)
    stream = sending.streams[0]
    sending.end.send_headers(stream, literal(b"grpc-status", b"0"), is_end=True)
    assert not stream.is_local_ended

    sending.finish()

    assert stream.is_local_ended
    assert sending.peer.came[1] == sending.sent[0]
    assert 1 in sending.peer.ended


def test_whoever_waits_hears_once_that_all_of_it_is_on_its_way() -> None:
    sending = waiting(20_000, 5)
    assert [receiver.calls for receiver in sending.receivers] == [[], [], []]

    sending.finish()

    assert [receiver.calls for receiver in sending.receivers] == [[("sent",)], [("sent",)], []]


def test_nothing_waits_once_a_reset_came() -> None:
    sending = waiting(20_000, 20_000)
    sending.end.receive(frames.rst_stream(1, ErrorCode.CANCEL), 0.0)

    sending.finish()

    assert sending.peer.came == {1: b"", 3: sending.sent[1], 5: b""}
    assert sending.receivers[0].resets == [ErrorCode.CANCEL]


@pytest.mark.parametrize("size", [16_384, 16_385, 32_768, 32_769, 100_000])
def test_a_long_block_goes_over_frames_that_nothing_comes_between(size: int) -> None:
    sending = Sending()
    block = bytes(size)

    stream: Stream = sending.end.open(Noted(), block, is_end=True)

    made = list(frames_in(written(sending.end)))
    assert b"".join(one.payload for one in made) == block
    assert [one.kind for one in made] == [HEADERS, *[frames.CONTINUATION] * (len(made) - 1)]
    assert [bool(one.flags & frames.END_HEADERS) for one in made] == [*[False] * (len(made) - 1), True]
    assert made[0].is_end
    assert {one.stream_id for one in made} == {stream.id}
    assert max(len(one.payload) for one in made) <= 16_384


def test_a_peer_with_a_smaller_table_hears_once_that_ours_is_empty() -> None:
    end = ClientEnd(Http2Limits())
    end.receive(frames.settings_frame({frames.HEADER_TABLE_SIZE: 0}), 0.0)
    written(end)

    end.open(Noted(), literal(b"a", b"b"))
    end.open(Noted(), literal(b"a", b"b"))

    first, second = frames_of_kind(written(end), HEADERS)
    assert first.payload == b"\x20" + second.payload


def test_a_cancelled_stream_is_reset_and_its_receiver_hears_nothing() -> None:
    sending = waiting(20_000)

    sending.end.cancel(sending.streams[0])
    sending.end.cancel(sending.streams[0])

    assert [one.number for one in sending.read() if one.kind == RST_STREAM] == [ErrorCode.CANCEL]
    assert sending.receivers[0].calls == []
