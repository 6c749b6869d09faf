"""Any bytes at an HTTP/2 connection, either end: they are taken, or a ConnectionFault ends it; what it keeps stays bounded."""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.http2 import wire
from harness.http2.noted import Noted, Requests
from weir.runtime.http2 import frames
from weir.runtime.http2.client_end import ClientEnd
from weir.runtime.http2.connection import Connection
from weir.runtime.http2.faults import ConnectionFault
from weir.runtime.http2.header_blocks import literal
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.http2.server_end import ServerEnd
from weir.runtime.http2.stream import Stream

LIMITS = Http2Limits(streams_max=4, header_bytes_max=2_000, control_frames_max=100, resets_max=50)
FRAMES_MAX = 25
"""Frames of one connection. Arbitrary: enough for several streams to begin and end."""

ANSWER = b"a" * 100_000
"""What each request is answered: more than a window, so that some of it waits."""

BLOCKS = (
    wire.encoded(wire.request_fields()),
    wire.encoded(wire.request_fields(b"/x", (b"content-length", b"5"))),
    wire.encoded([(b":status", b"200"), (b"a", b"b")]),
    wire.encoded([(b":status", b"100")]),
    wire.encoded([(b"trailer", b"1")]),
    b"\x40\x01a\x01b\xbe",
    b"\x20\x3f\xe1\x1f\x82",
)


def run(seed: int, cases: int) -> None:
    """Try `cases` connections of each end. Raises AssertionError with the seed of the first that ends in another way."""
    chance = random.Random(seed)
    for _ in range(cases):
        case = chance.randrange(2**32)
        try:
            check(random.Random(case))
        except Exception as error:
            raise AssertionError(
                f"the connection of seed {case} ends in an error that is no ConnectionFault"
            ) from error


def check(chance: random.Random) -> None:
    """Give a server or a client some frames, good and bad."""
    end = a_server() if chance.randrange(2) else a_client()
    try:
        for at in range(chance.randrange(FRAMES_MAX)):
            end.receive(spoiled(chance, a_frame(chance, end)), at * chance.choice([0.0, 1.0]))
            act(chance, end)
            demand_bounds(end)
    except ConnectionFault as fault:
        end.lose(fault.text)


def a_server() -> ServerEnd:
    """A server that answers at once, whose client has begun."""

    def answer(stream: Stream) -> None:
        end.send_headers(stream, literal(b":status", b"200"))
        end.send_data(stream, ANSWER, is_end=stream.id % 4 == 1)

    end = ServerEnd(LIMITS, Requests(answer))
    end.receive(frames.PREFACE + frames.settings_frame({}), 0.0)
    return end


def a_client() -> ClientEnd:
    """A client with three requests under way, whose server has begun."""
    end = ClientEnd(LIMITS)
    end.receive(frames.settings_frame({}), 0.0)
    for number in range(3):
        end.send_data(end.open(Noted(), BLOCKS[0]), ANSWER, is_end=number > 0)
    return end


def act(chance: random.Random, end: Connection) -> None:
    """Something that our side does meanwhile."""
    outlet = end.outlet
    list(wire.frames_in(wire.written(end)))
    if not end.streams:
        return
    stream = chance.choice(list(end.streams.values()))
    match chance.randrange(8):
        case 0:
            outlet.is_paused = not outlet.is_paused
            outlet.pump()
        case 1 if isinstance(end, ClientEnd):
            end.cancel(stream)
        case 2 if not (stream.is_local_ended or stream.unsent):
            end.send_data(stream, b"", is_end=True)
        case 3:
            end.grant(stream, 1_000)


def demand_bounds(end: Connection) -> None:
    """Raises AssertionError where a connection keeps more than its limits say."""
    assert len(end.streams) <= LIMITS.streams_max
    assert len(end._closed) <= 1_024
    assert len(end._rest) <= frames.FRAME_BYTES + frames.HEAD_BYTES
    assert sum(stream.unsent_bytes for stream in end.streams.values()) <= LIMITS.streams_max * len(ANSWER)
    assert end.outlet.window >= 0, "more was sent than the connection's window allows"


def a_frame(chance: random.Random, end: Connection) -> bytes:
    """A frame that may be right: most are for a stream that is open, or the next one."""
    known = [*end.streams, *end.streams, *list(end._closed)[-1:], 0]
    stream_id = chance.choice(known) if chance.randrange(40) else chance.choice([0, 1, 2, 9, 2**31 - 1])
    match chance.randrange(20):
        case 0 | 1 | 2 | 3 | 4 | 5 if isinstance(end, ServerEnd):
            return headers(chance, end.last_peer_id + 2 if end.last_peer_id else 1, BLOCKS[: chance.choice([2, 2, 7])])
        case 0 | 1 | 2 | 3 | 4 | 5 | 6:
            return headers(chance, stream_id or 1, BLOCKS[2:])
        case 7 | 8 | 9 | 10:
            content, padding = bytes(chance.choice([0, 1, 5, 5, 10_000])), chance.choice([None, None, 0, 255])
            return wire.data(stream_id or 1, content, is_end=chance.randrange(2) == 0, padding=padding)
        case 11 | 12 | 13 | 14:
            return frames.window_update(stream_id, chance.choice([1, 500, 70_000, 70_000, 70_000, 2**30]))
        case 15 | 16:
            name, value = (
                chance.choice([1, 3, 4, 4, 5, 6, 7]),
                chance.choice([0, 1, 50, 16_384, 65_535, 70_000, 2**24 - 1]),
            )
            return frames.settings_frame({name: value if name != frames.MAX_FRAME_SIZE else max(value, 16_384)})
        case 17 | 18:
            return frames.rst_stream(stream_id or 1, chance.randrange(20))
        case _:
            kind = chance.choice([frames.PING, frames.PING, frames.PRIORITY, frames.GOAWAY, 77, chance.randrange(12)])
            return frames.frame(
                kind, chance.choice([0, 0, 1, chance.randrange(256)]), 0, bytes(4) + bytes([0, 0, 0, 9])
            )


def headers(chance: random.Random, stream_id: int, blocks: Sequence[bytes]) -> bytes:
    """One of these blocks, in one frame or several."""
    return wire.headers(
        stream_id,
        chance.choice(blocks),
        is_end=chance.randrange(2) == 0,
        pieces=chance.choice([1, 1, 2, 5]),
        padding=chance.choice([None, None, 3]),
        parent=chance.choice([None, None, 0, 2**31 - 1]),
    )


def spoiled(chance: random.Random, made: bytes) -> bytes:
    """The frame, now and then with a byte overwritten, left out or put in."""
    at = chance.randrange(len(made))
    match chance.randrange(60):
        case 0:
            return made[:at] + chance.randbytes(1) + made[at + 1 :]
        case 1:
            return made[:at] + made[at + 1 :]
        case 2:
            return made[:at] + chance.randbytes(2) + made[at:]
        case 3:
            return chance.randbytes(chance.randrange(1, 200))
        case _:
            return made
