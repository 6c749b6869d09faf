"""What a peer did against the rules of HTTP/2, as an error of one stream or of the connection (RFC 9113, section 5.4)."""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """Error codes (section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


LOST = -1
"""Code of a stream whose connection is lost. None of the protocol's: no peer can say it."""


class ConnectionFault(Exception):
    """The connection cannot go on: the peer hears of it by GOAWAY, and it is closed."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class StreamFault(Exception):
    """One stream cannot go on: the peer hears of it by RST_STREAM; the others go on."""

    def __init__(self, stream_id: int, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.stream_id = stream_id
        self.code = code
        self.text = text
