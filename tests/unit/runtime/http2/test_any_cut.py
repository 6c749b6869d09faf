"""However a peer's bytes are cut into pieces, they mean the same: the same calls of receivers, the same bytes of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.http2 import wire
from harness.http2.noted import Noted, Requests
from weir.runtime.http2 import frames
from weir.runtime.http2.client_end import ClientEnd
from weir.runtime.http2.connection import Connection
from weir.runtime.http2.faults import ConnectionFault
from weir.runtime.http2.header_blocks import literal
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.http2.server_end import ServerEnd

LIMITS = Http2Limits(streams_max=3, stream_window_bytes=2_000, connection_window_bytes=100_000, header_bytes_max=600)
STREAMS = st.sampled_from([0, 1, 1, 3, 3, 5, 7, 2])
PADDINGS = st.none() | st.integers(0, 9)
CONTENTS = st.binary(max_size=40) | st.sampled_from([b"", b"d" * 1_500, b"d" * 16_384])

REQUESTS = st.sampled_from(
    [
        wire.encoded(wire.request_fields()),
        wire.encoded(wire.request_fields(b"/length", (b"content-length", b"40"))),
        wire.encoded([(b"x-trailer", b"1")]),
        wire.encoded([(b":status", b"200"), (b"content-type", b"application/grpc")]),
        wire.encoded([(b":status", b"103")]),
        b"\x82\x40\x01a\x01b",  # a new entry of the table
        b"\xbe",  # which may or may not be there
    ]
)

FRAMES = st.one_of(
    st.builds(
        lambda stream, block, end, pieces, padding: wire.headers(stream, block, is_end=end, pieces=pieces, padding=padding),
        STREAMS, REQUESTS, st.booleans(), st.integers(1, 3), PADDINGS,
    ),
    st.builds(
        lambda stream, content, end, padding: wire.data(stream, content[: 16_384 - 10], is_end=end, padding=padding),
        STREAMS, CONTENTS, st.booleans(), PADDINGS,
    ),
    st.builds(frames.window_update, STREAMS, st.sampled_from([0, 1, 5_000, 2**31 - 1])),
    st.builds(frames.rst_stream, STREAMS, st.integers(0, 20)),
    st.builds(
        frames.settings_frame,
        st.dictionaries(st.integers(1, 7), st.sampled_from([0, 1, 100, 16_384, 70_000, 2**31]), max_size=2),
    ),
    st.builds(lambda stream, text: frames.frame(frames.PING, 0, stream, text), st.just(0), st.just(b"12345678")),
    st.builds(frames.frame, st.integers(0, 12), st.integers(0, 255), STREAMS, st.binary(max_size=12)),
    st.builds(frames.goaway, STREAMS, st.integers(0, 13)),
    st.just(frames.frame(frames.SETTINGS, frames.ACK, 0)),
)  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """What came of some bytes."""

    calls: list[Any]
    answered: bytes
    fault: tuple[int, str] | None


@st.composite
def cut_wires(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Frames of a peer, most of them in order, and the same bytes in pieces."""
    whole = frames.settings_frame({}) + b"".join(draw(st.lists(FRAMES, max_size=8)))
    places = sorted(set(draw(st.lists(st.integers(0, len(whole)), max_size=12))))
    return whole, [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]


def told(end: Connection, pieces: list[bytes]) -> tuple[int, str] | None:
    """How the connection took these pieces: the fault that ended it, if one did."""
    for piece in pieces:
        try:
            end.receive(piece, 0.0)
        except ConnectionFault as fault:
            return int(fault.code), fault.text
    return None


def at_the_server(pieces: list[bytes]) -> Heard:
    """What a server that answers each request makes of them."""

    def answer(stream: Any) -> None:
        end.send_headers(stream, literal(b":status", b"200"))
        end.send_data(stream, b"a" * 70_000, is_end=True)

    requests = Requests(answer)
    end = ServerEnd(LIMITS, requests)
    fault = told(end, pieces)
    return Heard(requests.calls(), wire.written(end), fault)


def at_the_client(pieces: list[bytes]) -> Heard:
    """What a client with three requests under way makes of them."""
    end = ClientEnd(LIMITS)
    receivers = [Noted(), Noted(), Noted()]
    for receiver in receivers:
        end.send_data(end.open(receiver, b"block"), b"r" * 30_000, is_end=True)
    fault = told(end, pieces)
    return Heard([receiver.calls for receiver in receivers], wire.written(end), fault)


@given(cut_wires())
def test_a_server_hears_the_same(wires: tuple[bytes, list[bytes]]) -> None:
    whole, pieces = wires

    assert at_the_server([frames.PREFACE, *pieces]) == at_the_server([frames.PREFACE + whole])


@given(cut_wires())
def test_a_client_hears_the_same(wires: tuple[bytes, list[bytes]]) -> None:
    whole, pieces = wires

    assert at_the_client(pieces) == at_the_client([whole])


def test_byte_by_byte_is_no_other_connection() -> None:
    whole = frames.PREFACE + frames.settings_frame({}) + wire.headers(1, wire.encoded(wire.request_fields()), pieces=2)
    whole += wire.data(1, b"abc", padding=3) + wire.data(1, b"", is_end=True)

    assert at_the_server([bytes([one]) for one in whole]) == at_the_server([whole])
    assert at_the_server([whole]).calls[0][2][:2] == [("data", b"abc", False), ("data", b"", True)]
