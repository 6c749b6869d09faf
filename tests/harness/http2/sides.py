"""The two ends of a connection, ours and that of the `h2` library, behind one face: what each said and heard of every stream.

`Ours` and `Theirs` take the same orders, and keep the same account. Whoever plays them carries the bytes between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from harness.http2 import wire
from weir.runtime.http2 import frames
from weir.runtime.http2.client_end import ClientEnd
from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.header_blocks import HeaderList, literal
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.http2.server_end import ServerEnd
from weir.runtime.http2.stream import Stream

Fields = list[tuple[bytes, bytes]]

WIDE_BYTES = 1_000_000
"""Room for all that a stream says. Arbitrary: above what the scripts send, far below the largest window."""


@dataclass
class Talk:
    """One direction of a stream."""

    headers: list[Fields] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    is_ended: bool = False
    is_reset: bool = False
    """Whether this side ended the stream before its time (said), or was told so (heard)."""


class Side(Protocol):
    """One end."""

    said: dict[int, Talk]
    heard: dict[int, Talk]

    def open(self, fields: Fields) -> int | None:
        """Begin a request. Returns its stream; None where the other end takes none more."""

    def headers(self, stream_id: int, fields: Fields, *, is_end: bool) -> None:
        """Send headers of a response, or trailers."""

    def data(self, stream_id: int, content: bytes, *, is_end: bool) -> None:
        """Send data, at once or when a window opens."""

    def reset(self, stream_id: int) -> None:
        """Give the stream up."""

    def receive(self, came: bytes) -> None:
        """Take bytes of the other end."""

    def written(self) -> bytes:
        """Bytes for the other end."""

    def read(self, stream_id: int) -> None:
        """Let the other end send as much as came on a stream."""

    def is_open(self, stream_id: int) -> bool:
        """Whether something can still be said on the stream."""

    def open_streams(self) -> int:
        """Streams that are not over."""


class Ours:
    """Our end, either of both."""

    def __init__(self, *, is_client: bool, limits: Http2Limits) -> None:
        self.end: ClientEnd | ServerEnd = ClientEnd(limits) if is_client else ServerEnd(limits, self._taken)
        self.said: dict[int, Talk] = defaultdict(Talk)
        self.heard: dict[int, Talk] = defaultdict(Talk)
        self._streams: dict[int, Stream] = {}

    def open(self, fields: Fields) -> int | None:
        """Begin a request."""
        assert isinstance(self.end, ClientEnd)
        if not (self.end.is_settled and self.end.can_open()):
            return None
        receiver = _Receiver(self)
        stream = self.end.open(receiver, _block(fields))
        receiver.stream_id = stream.id
        self._streams[stream.id] = stream
        self.said[stream.id].headers.append(fields)
        return stream.id

    def headers(self, stream_id: int, fields: Fields, *, is_end: bool) -> None:
        """Send headers."""
        self.said[stream_id].headers.append(fields)
        self.said[stream_id].is_ended = is_end
        self.end.send_headers(self._streams[stream_id], _block(fields), is_end=is_end)

    def data(self, stream_id: int, content: bytes, *, is_end: bool) -> None:
        """Send data. An end alone waits for no window (section 6.9.1), but h2 takes none where its window is below 0."""
        if not content and self._streams[stream_id].send_window < 0:
            content = b"."
        self.said[stream_id].body += content
        self.said[stream_id].is_ended = is_end
        self.end.send_data(self._streams[stream_id], content, is_end=is_end)

    def reset(self, stream_id: int) -> None:
        """Give the stream up."""
        self.said[stream_id].is_reset = True
        if isinstance(self.end, ClientEnd):
            self.end.cancel(self._streams[stream_id])
        else:
            self.end.reset(stream_id, ErrorCode.CANCEL)

    def receive(self, came: bytes) -> None:
        """Take bytes of the other end."""
        self.end.receive(came, 0.0)

    def written(self) -> bytes:
        """Bytes for the other end."""
        return wire.written(self.end)

    def read(self, stream_id: int) -> None:
        """Let the other end send as much as came."""
        stream = self.end.streams.get(stream_id)
        if stream is not None and stream.receive_window < self.end.limits.stream_window_bytes:
            self.end.grant(stream, self.end.limits.stream_window_bytes - stream.receive_window)

    def is_open(self, stream_id: int) -> bool:
        """Whether something can still be said."""
        said = self.said[stream_id]
        return stream_id in self.end.streams and not said.is_ended

    def open_streams(self) -> int:
        """Streams that are not over."""
        return len(self.end.streams) + len(self.end.outlet._waiting)

    def _taken(self, stream: Stream, headers: HeaderList) -> _Receiver:
        receiver = _Receiver(self)
        receiver.stream_id = stream.id
        self._streams[stream.id] = stream
        self.heard[stream.id].headers.append(list(headers.fields))
        return receiver


class _Receiver:
    """Notes what comes on a stream of ours."""

    stream_id = 0

    def __init__(self, side: Ours) -> None:
        self._side = side

    def receive_headers(self, headers: HeaderList, *, is_end: bool) -> None:
        """Headers of a response, or trailers."""
        talk = self._side.heard[self.stream_id]
        assert (talk.is_ended, talk.is_reset) == (False, False)
        talk.headers.append(list(headers.fields))
        talk.is_ended = is_end

    def receive_data(self, data: bytes, *, is_end: bool) -> None:
        """A piece of the body."""
        talk = self._side.heard[self.stream_id]
        assert (talk.is_ended, talk.is_reset) == (False, False)
        talk.body += data
        talk.is_ended = is_end

    def receive_reset(self, code: int, text: str) -> None:
        """The stream is over before its time."""
        if not self._side.said[self.stream_id].is_reset:
            self._side.heard[self.stream_id].is_reset = True

    def sent(self) -> None:
        """All that waited is on its way."""


class Theirs:
    """The end of `h2`, either of both. It checks every frame of ours against the RFC."""

    def __init__(self, *, is_client: bool) -> None:
        config = h2.config.H2Configuration(client_side=is_client, header_encoding=None)
        self.end = h2.connection.H2Connection(config)
        self.end.initiate_connection()
        self.said: dict[int, Talk] = defaultdict(Talk)
        self.heard: dict[int, Talk] = defaultdict(Talk)
        self.padding: int | None = None
        """Of the next frames of data."""
        self._unacknowledged = 1
        self._widened: set[int] = set()
        self._backlog: dict[int, list[tuple[bytes, Fields | None, bool]]] = defaultdict(list)
        self._unread: dict[int, int] = defaultdict(int)

    def open(self, fields: Fields) -> int | None:
        """Begin a request."""
        if self.end.open_outbound_streams >= self.end.remote_settings.max_concurrent_streams:
            return None
        stream_id: int = self.end.get_next_available_stream_id()
        self.end.send_headers(stream_id, fields, priority_weight=None if self.padding is None else self.padding + 1)
        self.said[stream_id].headers.append(fields)
        return stream_id

    def headers(self, stream_id: int, fields: Fields, *, is_end: bool) -> None:
        """Send headers, behind data that waits."""
        self.said[stream_id].headers.append(fields)
        self.said[stream_id].is_ended = is_end
        self._backlog[stream_id].append((b"", fields, is_end))
        self.pump()

    def data(self, stream_id: int, content: bytes, *, is_end: bool) -> None:
        """Send data, as windows allow."""
        self.said[stream_id].body += content
        self.said[stream_id].is_ended = is_end
        self._backlog[stream_id].append((content, None, is_end))
        self.pump()

    def reset(self, stream_id: int) -> None:
        """Give the stream up."""
        self.said[stream_id].is_reset = True
        self._backlog.pop(stream_id, None)
        self.end.reset_stream(stream_id, h2.errors.ErrorCodes.CANCEL)

    def receive(self, came: bytes) -> None:
        """Take bytes of the other end. Raises h2's ProtocolError for whatever the RFC does not allow."""
        for event in self.end.receive_data(came):
            self._hear(event)
        self.pump()

    def written(self) -> bytes:
        """Bytes for the other end."""
        made: bytes = self.end.data_to_send()
        return made

    def read(self, stream_id: int) -> None:
        """Let the other end send as much as came."""
        unread = self._unread.pop(stream_id, 0)
        if unread:
            self.end.acknowledge_received_data(unread, stream_id)

    def is_open(self, stream_id: int) -> bool:
        """Whether something can still be said."""
        said, heard = self.said[stream_id], self.heard[stream_id]
        return not (said.is_ended or said.is_reset or heard.is_reset)

    def open_streams(self) -> int:
        """Streams that are not over."""
        inbound: int = self.end.open_inbound_streams
        outbound: int = self.end.open_outbound_streams
        return inbound + outbound

    def settings(self, values: dict[int, int]) -> bool:
        """Change its settings. False where the last change is not acknowledged yet: h2 would mix up the answers."""
        if self._unacknowledged:
            return False
        self._unacknowledged += 1
        self.end.update_settings(values)
        return True

    def widen(self) -> None:
        """Open the windows of what is still to come, once: h2 does not look at them again when its own settings shrink."""
        for stream_id in {*self.said, *self.heard} - {0} - self._widened:
            said, heard = self.said[stream_id], self.heard[stream_id]
            if (said.headers or heard.headers) and not (heard.is_ended or heard.is_reset or said.is_reset):
                self._widened.add(stream_id)
                self.end.increment_flow_control_window(WIDE_BYTES, stream_id)

    def pump(self) -> None:
        """Send what waits, as far as the windows of the other end allow."""
        for stream_id, waiting in list(self._backlog.items()):
            while waiting and self._send(stream_id, *waiting[0]):
                waiting.pop(0)

    def _send(self, stream_id: int, content: bytes, fields: Fields | None, is_end: bool) -> bool:
        if fields is not None:
            self.end.send_headers(stream_id, fields, end_stream=is_end)
            return True
        while True:
            beside = 0 if self.padding is None else self.padding + 1
            room = min(self.end.local_flow_control_window(stream_id), self.end.max_outbound_frame_size) - beside
            piece, content = content[: max(room, 0)], content[max(room, 0) :]
            if room < 0 or (content and not piece):
                self._backlog[stream_id][0] = (piece + content, None, is_end)
                return False
            self.end.send_data(stream_id, piece, end_stream=is_end and not content, pad_length=self.padding)
            if not content:
                return True

    def _hear(self, event: Any) -> None:
        talk = self.heard[getattr(event, "stream_id", None) or 0]
        match event:
            case h2.events.RequestReceived() | h2.events.ResponseReceived() | h2.events.TrailersReceived():
                talk.headers.append([(bytes(name), bytes(value)) for name, value in event.headers or ()])
            case h2.events.DataReceived():
                talk.body += event.data or b""
                self._unread[event.stream_id or 0] += event.flow_controlled_length or 0
            case h2.events.StreamEnded():
                talk.is_ended = True
            case h2.events.StreamReset():
                talk.is_reset = True
                self._backlog.pop(event.stream_id, None)
            case h2.events.SettingsAcknowledged():
                self._unacknowledged -= 1
            case h2.events.ConnectionTerminated():
                raise AssertionError(f"ours went away: {event.error_code}, {event.additional_data!r}")


def _block(fields: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(literal(name, value) for name, value in fields)


def settings_of(chance_of: int) -> dict[int, int]:
    """One change of settings, by a number. MAX_FRAME_SIZE is not among them: h2 looks at it only before each `receive_data`."""
    changes = (
        {frames.INITIAL_WINDOW_SIZE: 0}, {frames.INITIAL_WINDOW_SIZE: 100}, {frames.INITIAL_WINDOW_SIZE: 65_535},
        {frames.INITIAL_WINDOW_SIZE: 1_000_000}, {frames.MAX_HEADER_LIST_SIZE: 50_000},
        {frames.HEADER_TABLE_SIZE: 0}, {frames.HEADER_TABLE_SIZE: 100}, {frames.HEADER_TABLE_SIZE: 8_192},
        {frames.MAX_CONCURRENT_STREAMS: 2}, {frames.MAX_CONCURRENT_STREAMS: 100},
    )  # fmt: skip
    return changes[chance_of % len(changes)]
