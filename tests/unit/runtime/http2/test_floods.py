"""What a peer may make us do and keep is bounded: each flood ends its connection, and what is slow and steady does not."""

from __future__ import annotations

import pytest

from harness.http2.noted import Requests
from harness.http2.wire import data, encoded, headers, request_fields
from weir.runtime.http2 import frames
from weir.runtime.http2.faults import ConnectionFault, ErrorCode
from weir.runtime.http2.frames import PREFACE
from weir.runtime.http2.limits import CONTROL_WINDOW_S, Http2Limits
from weir.runtime.http2.server_end import ServerEnd

LIMITS = Http2Limits(control_frames_max=50, resets_max=20, header_bytes_max=1_000, stream_window_bytes=1_000)
REQUEST = encoded(request_fields())
OPEN = headers(1, REQUEST)
SETTLED = frames.settings_frame({})


def server() -> ServerEnd:
    """A server whose client has begun well."""
    end = ServerEnd(LIMITS, Requests())
    end.receive(PREFACE + frames.settings_frame({}), 0.0)
    return end


def fault_of(end: ServerEnd, *wires: bytes, now_s: float = 0.0) -> ErrorCode | None:
    """The code of the fault that ends the connection; None where none does."""
    for one in wires:
        try:
            end.receive(one, now_s)
        except ConnectionFault as fault:
            return fault.code
    return None


CONTROL = {
    "pings": frames.frame(frames.PING, 0, 0, bytes(8)),
    "settings": frames.settings_frame({}),
    "acknowledgements": frames.frame(frames.SETTINGS, frames.ACK, 0),
    "priorities": frames.frame(frames.PRIORITY, 0, 1, bytes(5)),
    "empty data": data(1, b""),
    "padding alone": data(1, b"", padding=0),
    "unknown frames": frames.frame(77, 0, 0),
    "window updates": frames.window_update(0, 1),
}


@pytest.mark.parametrize("name", CONTROL)
def test_a_flood_of_frames_without_content_ends_the_connection(name: str) -> None:
    end = server()
    end.receive(OPEN, 0.0)

    assert fault_of(end, *[CONTROL[name]] * 45) is None
    assert fault_of(end, *[CONTROL[name]] * 10) == ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("name", CONTROL)
def test_the_same_frames_at_a_fair_pace_do_not(name: str) -> None:
    end = server()
    end.receive(OPEN, 0.0)

    for period in range(1, 6):
        assert fault_of(end, *[CONTROL[name]] * 45, now_s=1.1 * period * CONTROL_WINDOW_S) is None


def opened_and(end_of: bytes | None, number: int) -> bytes:
    """A request that ends before its time: by the client's reset, or by what makes us reset it."""
    stream_id = 2 * number + 1
    ending = frames.rst_stream(stream_id, ErrorCode.CANCEL) if end_of is None else end_of
    return headers(stream_id, REQUEST, is_end=True) + ending[:5] + stream_id.to_bytes(4) + ending[9:]


@pytest.mark.parametrize(
    "ending",
    [
        None,
        data(1, b"x"),
        frames.window_update(1, 0),
        frames.window_update(1, 2**31 - 1),
        frames.frame(frames.PRIORITY, 0, 1, b"1234"),
    ],
    ids=["the client resets", "data after the end", "window of 0", "window too large", "bad priority"],
)
def test_requests_that_are_given_up_at_once_end_the_connection(ending: bytes | None) -> None:
    """CVE-2023-44487 and CVE-2025-8671: a handler starts for each, and no limit of streams counts it."""
    end = server()

    assert fault_of(end, *[opened_and(ending, number) for number in range(20)]) is None
    assert fault_of(end, opened_and(ending, 20)) == ErrorCode.ENHANCE_YOUR_CALM


def test_requests_given_up_at_a_fair_pace_are_served() -> None:
    end = server()

    for number in range(60):
        assert fault_of(end, opened_and(None, number), now_s=number * CONTROL_WINDOW_S / 15) is None
    assert end.streams == {}


def test_a_block_of_too_many_pieces_ends_the_connection() -> None:
    first = frames.frame(frames.HEADERS, 0, 1, REQUEST)
    empty = frames.frame(frames.CONTINUATION, 0, 1)

    assert fault_of(server(), first, *[empty] * 60) is None
    assert fault_of(server(), first, *[empty] * 64) == ErrorCode.ENHANCE_YOUR_CALM


def test_a_block_of_too_many_bytes_ends_the_connection() -> None:
    first = frames.frame(frames.HEADERS, 0, 1, REQUEST)
    piece = frames.frame(frames.CONTINUATION, 0, 1, bytes(1_900))

    assert fault_of(server(), first, piece, piece) is None
    assert fault_of(server(), first, piece, piece, piece) == ErrorCode.ENHANCE_YOUR_CALM


OPENED = frames.frame(frames.HEADERS, 0, 1, REQUEST)
PIECE = frames.frame(frames.CONTINUATION, 0, 1)
PINGED = frames.frame(frames.PING, 0, 0, bytes(8))


@pytest.mark.parametrize(
    ("begun_s", "steps"),
    [
        (100.0, []),
        (100.0, [(105.0, PREFACE[:5])]),
        (100.0, [(105.0, PREFACE)]),
        (105.0, [(103.0, PREFACE + SETTLED), (105.0, PINGED[:4])]),
        (105.0, [(103.0, PREFACE + SETTLED), (105.0, PINGED[:4]), (108.0, PINGED[4:16])]),
        (108.0, [(103.0, PREFACE + SETTLED), (105.0, PINGED[:4]), (108.0, PINGED[4:] + PINGED[:4])]),
        (105.0, [(103.0, PREFACE + SETTLED), (105.0, OPENED)]),
        (105.0, [(103.0, PREFACE + SETTLED), (105.0, OPENED), (108.0, PIECE), (110.0, PIECE[:3])]),
        (108.0, [(103.0, PREFACE + SETTLED), (105.0, PINGED[:4]), (108.0, PINGED[4:] + OPENED), (110.0, PIECE)]),
    ],
)
def test_what_is_begun_is_finished_in_time(begun_s: float, steps: list[tuple[float, bytes]]) -> None:
    """A preface, a frame and a header block may come piece by piece; no piece gives more time."""
    end = ServerEnd(LIMITS, Requests(), 100.0)
    for now_s, wire in steps:
        end.receive(wire, now_s)

    end.demand_whole(begun_s + LIMITS.unfinished_s_max)
    with pytest.raises(ConnectionFault) as caught:
        end.demand_whole(begun_s + LIMITS.unfinished_s_max + 0.001)
    assert caught.value.code == ErrorCode.ENHANCE_YOUR_CALM


def test_a_connection_on_which_all_is_whole_has_all_the_time() -> None:
    end = server()
    end.receive(OPENED, 1.0)
    end.receive(frames.frame(frames.CONTINUATION, frames.END_HEADERS, 1), 2.0)

    end.demand_whole(1e9)


def test_what_is_remembered_of_closed_streams_is_bounded() -> None:
    end = ServerEnd(Http2Limits(resets_max=10_000), Requests())
    end.receive(PREFACE + frames.settings_frame({}), 0.0)

    for number in range(3_000):
        end.receive(opened_and(None, number), 0.0)

    assert len(end._closed) <= 1_024
    assert end.streams == {}
    assert not end.outlet._waiting


def test_settings_in_one_frame_cost_what_the_last_of_each_costs() -> None:
    """A frame of 16 KiB holds 2,730 changes of every stream's window."""
    end = server()
    end.receive(OPEN, 0.0)
    stream = end.streams[1]
    many = b"".join(frames.SETTING.pack(frames.INITIAL_WINDOW_SIZE, size) for size in range(2_730))

    end.receive(frames.frame(frames.SETTINGS, 0, 0, many), 0.0)

    assert stream.send_window == 2_729


def test_settings_cost_more_where_many_streams_are_open() -> None:
    """Each walks over all windows: of 19 streams one counts as three frames."""
    end = server()
    end.receive(b"".join(headers(2 * number + 1, REQUEST) for number in range(19)), 0.0)
    changed = frames.settings_frame({frames.INITIAL_WINDOW_SIZE: 70_000})

    assert fault_of(end, *[changed] * 14) is None
    assert fault_of(end, *[changed] * 4) == ErrorCode.ENHANCE_YOUR_CALM


def test_window_updates_that_our_data_asks_for_are_free() -> None:
    end = server()
    end.receive(OPEN, 0.0)
    stream = end.streams[1]

    for _ in range(200):
        end.send_data(stream, b"x")
        end.receive(frames.window_update(0, 1) + frames.window_update(1, 1), 0.0)


def test_late_data_of_a_stream_that_we_reset_is_counted() -> None:
    end = server()
    end.receive(OPEN, 0.0)
    end.reset(1, ErrorCode.CANCEL)

    assert fault_of(end, *[data(1, b"x")] * 45) is None
    assert fault_of(end, *[data(1, b"x")] * 10) == ErrorCode.ENHANCE_YOUR_CALM
