"""HTTP/2 against the `h2` library: in any order of requests, data, resets and settings, both ends understand the same."""

from __future__ import annotations

import random

from harness.http2.sides import Fields, Ours, Side, Talk, Theirs, settings_of
from weir.runtime.http2 import frames
from weir.runtime.http2.frames import WINDOW_DEFAULT
from weir.runtime.http2.limits import Http2Limits

LIMITS = Http2Limits(streams_max=5, connection_window_bytes=200_000)
STEPS_MAX = 60
"""Steps of one connection. Arbitrary: enough that several streams live and end beside each other."""

TURNS_MAX = 2_000
"""Turns in which everything must have come once nobody does anything new. Chosen: a hundred times what is needed."""

SIZES = (0, 1, 5, 100, 5_000, 16_384, 16_385, 40_000, 120_000)
"""Bytes of one piece of data."""

STEPS = (
    "open",
    "answer",
    "data",
    "data",
    "end",
    "trailers",
    "reset",
    "read",
    "read",
    "settings",
    "ping",
    "padding",
    "carry",
    "carry",
)


def run(seed: int, cases: int) -> None:
    """Play `cases` connections. Raises AssertionError, or what h2 raises, for the first that is understood in two ways."""
    chance = random.Random(seed)
    for _ in range(cases):
        case = chance.randrange(2**32)
        try:
            Connection(random.Random(case)).play()
        except Exception as error:
            raise AssertionError(f"the connection of seed {case} is understood in two ways") from error


class Connection:
    """One connection between both libraries, with bytes under way."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.is_ours_client = chance.randrange(2) == 0
        self.ours = Ours(is_client=self.is_ours_client, limits=LIMITS)
        self.theirs = Theirs(is_client=not self.is_ours_client)
        self.sides: tuple[Side, Side] = (self.ours, self.theirs)
        self.client: Side = self.ours if self.is_ours_client else self.theirs
        self.server: Side = self.theirs if self.is_ours_client else self.ours
        self.under_way = [bytearray(), bytearray()]  # to theirs, to ours
        self.streams: list[int] = []

    def play(self) -> None:
        """Do some steps, then let everything come to its end, and compare."""
        for _ in range(self.chance.randrange(STEPS_MAX)):
            self.step(self.chance.choice(STEPS))
        self.settle()
        for stream_id in list(self.streams):
            self.compare(stream_id)
        assert self.ours.open_streams() == 0, "streams of ours are left"
        assert self.theirs.open_streams() == 0, "streams of h2 are left"
        assert set(self.ours.heard) | set(self.ours.said) <= set(self.streams)

    def step(self, name: str) -> None:
        """One step of either side."""
        match name:
            case "open":
                self.open()
            case "settings":
                self.theirs.settings(settings_of(self.chance.randrange(100)))
            case "ping":
                self.theirs.end.ping(self.chance.randbytes(8))
            case "padding":
                self.theirs.padding = self.chance.choice([None, 0, 7, 255])
            case "carry":
                self.carry()
            case _ if self.streams:
                self.say(name, self.chance.choice(self.sides), self.chance.choice(self.streams))

    def open(self) -> None:
        """A request of the client, which keeps the server's limit of streams also before it has heard of it."""
        if self.client.open_streams() >= LIMITS.streams_max:
            return
        method = (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/x"), (b":authority", b"a")
        stream_id = self.client.open([*method, *self.fields()])
        if stream_id is not None:
            self.streams.append(stream_id)

    def say(self, name: str, side: Side, stream_id: int) -> None:
        """Something that one side says on a stream, where it can."""
        if name == "read":
            side.read(stream_id)
            return
        if side is self.server and not side.heard[stream_id].headers:
            return  # the request has not come yet
        if not side.is_open(stream_id):
            return
        if side is self.server and not side.said[stream_id].headers:
            side.headers(stream_id, [(b":status", b"200"), *self.fields()], is_end=name == "trailers")
            return
        match name:
            case "data":
                side.data(stream_id, self.content(), is_end=False)
            case "end":
                side.data(stream_id, self.chance.choice([b"", self.content()]), is_end=True)
            case "trailers":
                side.headers(stream_id, self.fields() or [(b"t", b"1")], is_end=True)
            case "reset":
                side.reset(stream_id)

    def carry(self) -> None:
        """Bring some of what was written to the other side, cut anywhere."""
        self.collect()
        for number, side in enumerate(self.sides[::-1]):
            size = self.chance.choice([1, 9, 100, 20_000, len(self.under_way[number])])
            piece, self.under_way[number] = self.under_way[number][:size], self.under_way[number][size:]
            if piece:
                side.receive(bytes(piece))

    def collect(self) -> None:
        """Take what both sides want to send."""
        self.under_way[0] += self.ours.written()
        self.under_way[1] += self.theirs.written()

    def settle(self) -> None:
        """Everything is read, each stream ended, and all bytes come."""
        is_wide = False
        for _ in range(TURNS_MAX):
            for stream_id in self.streams:
                for side in self.sides:
                    side.read(stream_id)
                    self.say("end", side, stream_id)
                    self.say("end", side, stream_id)  # the first one may be the headers of a response
            is_wide = is_wide or self.theirs.settings({frames.INITIAL_WINDOW_SIZE: WINDOW_DEFAULT})
            if is_wide:
                self.theirs.widen()
            self.collect()
            if not any(self.under_way):
                return
            self.carry()
        raise AssertionError("bytes are under way for ever")

    def compare(self, stream_id: int) -> None:
        """What one side said, the other heard; all of it, unless somebody gave the stream up."""
        for speaker, hearer in (self.sides, self.sides[::-1]):
            said, heard = speaker.said[stream_id], hearer.heard[stream_id]
            is_cut = any(side.said[stream_id].is_reset or side.heard[stream_id].is_reset for side in self.sides)
            assert heard.headers == said.headers[: len(heard.headers)], f"stream {stream_id}: other headers"
            assert said.body.startswith(heard.body), f"stream {stream_id}: other data"
            assert is_cut or whole(heard) == whole(said), f"stream {stream_id}: not all of it came"
            assert said.is_reset or not heard.is_reset, f"stream {stream_id}: a reset that nobody said"

    def fields(self) -> Fields:
        """Some headers; now and then more of them than fit into a frame."""
        made = [
            (b"x-%d" % self.chance.randrange(4), b"%d" % self.chance.randrange(3))
            for _ in range(self.chance.randrange(4))
        ]
        if self.chance.randrange(12) == 0:
            made.append((b"x-long", self.chance.randbytes(10_000).hex().encode()))
        return made

    def content(self) -> bytes:
        """Some data."""
        return self.chance.randbytes(1) * self.chance.choice(SIZES)


def whole(talk: Talk) -> tuple[int, int, bool]:
    """How much of a direction there is."""
    return len(talk.headers), len(talk.body), talk.is_ended
