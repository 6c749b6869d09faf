"""Frames that carry no message: settings, windows, resets, pings, priorities, GOAWAY. And the floods that are made of them."""

from __future__ import annotations

from weir.runtime.http2 import frames
from weir.runtime.http2.faults import ConnectionFault, ErrorCode, StreamFault
from weir.runtime.http2.frames import (
    ACK,
    FRAME_BYTES,
    FRAME_BYTES_MAX,
    NUMBER,
    PING,
    SETTING,
    SETTINGS,
    WINDOW_DEFAULT,
    WINDOW_MAX,
    frame,
)  # fmt: skip
from weir.runtime.http2.limits import CONTROL_WINDOW_S, STREAMS_A_FRAME, UPDATES_A_FRAME, Http2Limits
from weir.runtime.http2.outlet import Outlet
from weir.runtime.http2.stream import NOBODY, Stream, code_name


class ControlFrames:
    """What both ends know of their peer, and how its frames of control change it."""

    def __init__(self, limits: Http2Limits) -> None:
        self.limits = limits
        self.outlet = Outlet(self._ended_here, limits.unread_bytes_max)
        self.streams: dict[int, Stream] = {}
        self.peer_streams_max = 2**31
        """Streams that we may open: the peer's setting."""
        self.is_going = False
        """Whether either end said GOAWAY: no stream is opened any more."""
        self.is_settled = False
        """Whether the peer's first SETTINGS came."""
        self._peer_window = WINDOW_DEFAULT  # of a new stream, for what we send
        self._has_small_table = False
        self._counted_since_s = 0.0
        self._control_frames = 0
        self._resets = 0
        self._updates = 0

    def forget(self, stream: Stream) -> None:
        """The stream is over at both ends."""
        raise NotImplementedError

    def _ended_here(self, stream: Stream) -> None:
        """We sent the end of a stream."""
        raise NotImplementedError

    def _is_idle(self, stream_id: int) -> bool:
        """Whether a stream was never open."""
        raise NotImplementedError

    def _count_from(self, now_s: float) -> None:
        """Begin a new count of frames without content where the last one is old."""
        if now_s - self._counted_since_s > CONTROL_WINDOW_S:
            self._counted_since_s, self._control_frames, self._resets = now_s, 0, 0
            self._updates = self.outlet.data_frames = 0

    def _priority(self, _: int, stream_id: int, payload: bytes) -> None:
        self._count_control()
        if stream_id == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a priority of stream 0")
        if len(payload) != 5:
            raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR, "a priority has 5 bytes")
        demand_other_parent(stream_id, payload)

    def _reset(self, _: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != NUMBER.size:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a reset has 4 bytes")
        if stream_id == 0 or self._is_idle(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"a reset of stream {stream_id}, which was never open")
        self._count_reset()
        stream = self.streams.get(stream_id)
        if stream is not None:
            code = NUMBER.unpack(payload)[0]
            self.forget(stream)
            receiver, stream.receiver = stream.receiver, NOBODY
            receiver.receive_reset(code, f"the peer reset the stream ({code_name(code)})")

    def _settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._count_control()
        if stream_id != 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "settings of a stream")
        if len(payload) % SETTING.size or (flags & ACK and payload):
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"settings of {len(payload)} bytes")
        if flags & ACK:
            return
        self.is_settled = True
        for name, value in dict(SETTING.iter_unpack(payload)).items():  # the last of each name is meant (section 6.5.3)
            self._set(name, value)
        self.outlet.frames.append(frame(SETTINGS, ACK, 0))
        self.outlet.pump()

    def _set(self, name: int, value: int) -> None:
        match name:
            case frames.HEADER_TABLE_SIZE:
                if value < 4_096 and not self._has_small_table:
                    self._has_small_table = self.outlet.must_empty_table = True
            case frames.ENABLE_PUSH:
                if value > 1:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"ENABLE_PUSH is {value}; 0 and 1 are allowed")
            case frames.MAX_CONCURRENT_STREAMS:
                self.peer_streams_max = value
            case frames.INITIAL_WINDOW_SIZE:
                self._resize_windows(value)
            case frames.MAX_FRAME_SIZE:
                if not FRAME_BYTES <= value <= FRAME_BYTES_MAX:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"MAX_FRAME_SIZE is {value}")
                self.outlet.frame_bytes = value
            case _:
                pass  # MAX_HEADER_LIST_SIZE is advice, others are ignored (section 6.5.2)

    def _resize_windows(self, value: int) -> None:
        if value > WINDOW_MAX:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE is {value}")
        change, self._peer_window = value - self._peer_window, value
        self._control_frames += len(self.streams) // STREAMS_A_FRAME
        for stream in self.streams.values():
            stream.send_window += change
            self.outlet.resume(stream)
            if stream.send_window > WINDOW_MAX:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, f"a window of {stream.send_window} bytes")

    def _push_promise(self, _: int, __: int, ___: bytes) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a PUSH_PROMISE, which nobody enabled")

    def _ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._count_control()
        if stream_id != 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a ping of a stream")
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a ping has 8 bytes")
        if not flags & ACK:
            self.outlet.frames.append(frame(PING, ACK, 0, payload))

    def _goaway(self, _: int, stream_id: int, payload: bytes) -> None:
        if stream_id != 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a GOAWAY of a stream")
        if len(payload) < 2 * NUMBER.size:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a GOAWAY has 8 bytes or more")
        self.is_going = True
        self._going(NUMBER.unpack_from(payload)[0] & frames.STREAM_ID_MAX)

    def _going(self, last_stream_id: int) -> None:
        """The peer takes no streams beyond one."""

    def _window_update(self, _: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != NUMBER.size:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a window update has 4 bytes")
        self._count_update()
        increment = NUMBER.unpack(payload)[0] & WINDOW_MAX
        if stream_id == 0:
            self._widen(self.outlet, increment)
        else:
            self._widen_stream(stream_id, increment)
        self.outlet.pump()

    def _widen(self, outlet: Outlet, increment: int) -> None:
        outlet.window += increment
        if increment == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a window update of 0")
        if outlet.window > WINDOW_MAX:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, f"a window of {outlet.window} bytes")

    def _widen_stream(self, stream_id: int, increment: int) -> None:
        stream = self.streams.get(stream_id)
        if stream is None:
            if self._is_idle(stream_id):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"a window of stream {stream_id}, which was never open")
            return
        stream.send_window += increment
        self.outlet.resume(stream)
        if increment == 0:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "a window update of 0")
        if stream.send_window > WINDOW_MAX:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR, f"a window of {stream.send_window} bytes")

    def _count_update(self) -> None:
        """Count a window update: as many as our data asks for are free."""
        self._updates += 1
        if self._updates > self.limits.control_frames_max + UPDATES_A_FRAME * self.outlet.data_frames:
            text = f"{self._updates} window updates within {CONTROL_WINDOW_S:g} s"
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, text)

    def _count_reset(self) -> None:
        """Count a stream that the peer reset, or made us reset: a handler may have begun for nothing."""
        self._resets += 1
        if self._resets > self.limits.resets_max:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"{self._resets} resets within {CONTROL_WINDOW_S:g} s")

    def _count_control(self) -> None:
        self._control_frames += 1
        if self._control_frames > self.limits.control_frames_max:
            text = f"{self._control_frames} frames without content within {CONTROL_WINDOW_S:g} s"
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, text)


def demand_other_parent(stream_id: int, payload: bytes) -> None:
    """Raises ConnectionFault for a priority that makes a stream depend on itself (RFC 7540, section 5.3.1)."""
    if NUMBER.unpack_from(payload)[0] & frames.STREAM_ID_MAX == stream_id:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"stream {stream_id} depends on itself")
