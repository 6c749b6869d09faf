"""Headers and trailers of gRPC calls (PROTOCOL-HTTP2.md): what they mean, and their bytes."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes

from weir.runtime.http2.header_blocks import Field, literal
from weir.runtime.rpc.messages import WINDOW_BITS

Metadata = tuple[tuple[str, str | bytes], ...]

CONTENT_TYPE = re.compile(rb"application/grpc(?:[+;].*)?", re.DOTALL)

TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
"""A deadline: at most eight digits and a unit."""

SECONDS = {b"H": 3_600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
"""Seconds of the units."""

OF_THE_TRANSPORT = frozenset(
    (b"te", b"content-type", b"content-length", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding")
)
"""Headers that are no metadata of the call."""

OF_THE_STATUS = frozenset(
    (b"grpc-status", b"grpc-message", b"content-type", b"content-length", b"grpc-encoding", b"grpc-accept-encoding")
)
"""Headers and trailers of an answer that are no metadata."""

NAME = re.compile(r"[0-9a-z_.-]+")
"""What a name of metadata may hold."""

RESPONSE_BLOCK = (
    b"\x88" + literal(b"content-type", b"application/grpc") + literal(b"grpc-accept-encoding", b"identity,deflate,gzip")
)
"""What every answer begins with: `:status` 200 (its index in HPACK's static table), its type."""

OK_BLOCK = literal(b"grpc-status", b"0")

NAMES_REMEMBERED = 256
"""Names of metadata that are known to be good. Arbitrary; any value from 32 to 4,096 would do: services use some ten."""

UNSAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
"""Characters that `grpc-message` keeps as they are."""

UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED, UNAVAILABLE, UNKNOWN, INTERNAL = 16, 7, 12, 14, 2, 13
OF_HTTP = {400: INTERNAL, 401: UNAUTHENTICATED, 403: PERMISSION_DENIED, 404: UNIMPLEMENTED, 429: UNAVAILABLE, 431: INTERNAL,
           502: UNAVAILABLE, 503: UNAVAILABLE, 504: UNAVAILABLE}  # fmt: skip
"""gRPC status of an answer that is none of gRPC, by its HTTP status (http-grpc-status-mapping.md)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the headers of a call ask."""

    path: str
    metadata: Metadata
    timeout_s: float | None
    """Time that the call has; None for as long as it takes."""
    encoding: bytes
    """Of compressed messages."""
    http_status: int = 0
    """What a request is answered that is no call of gRPC; 0 for a call."""
    fault: tuple[int, str] | None = None
    """gRPC status and text for a call that cannot be taken as it is."""


@dataclass(frozen=True, slots=True)
class Status:
    """How a call ended."""

    code: int
    details: str
    metadata: Metadata


def read_request(fields: Sequence[Field]) -> Asked:
    """What a request asks. Never raises."""
    values = dict(fields)
    path = values[b":path"].decode("latin-1")
    encoding = values.get(b"grpc-encoding", b"identity")
    if not CONTENT_TYPE.fullmatch(values.get(b"content-type", b"")):
        return Asked(path, (), None, encoding, http_status=415)
    if values[b":method"] != b"POST":
        return Asked(path, (), None, encoding, http_status=405)
    fault: tuple[int, str] | None = None
    timeout_s: float | None = None
    if (timeout := values.get(b"grpc-timeout")) is not None:
        if (found := TIMEOUT.fullmatch(timeout)) is None:
            fault = INTERNAL, f"grpc-timeout is {timeout[:16]!r}; expected at most eight digits and one of H M S m u n"
        else:
            timeout_s = int(found[1]) * SECONDS[found[2]]
    if encoding != b"identity" and encoding not in WINDOW_BITS:
        fault = UNIMPLEMENTED, f"grpc-encoding {encoding[:32]!r} is not understood; identity, deflate and gzip are"
    return Asked(path, metadata_of(fields, OF_THE_TRANSPORT), timeout_s, encoding, fault=fault)


def metadata_of(fields: Iterable[Field], without: frozenset[bytes]) -> Metadata:
    """The metadata among headers; values of names that end in -bin are bytes."""
    return tuple(
        (name.decode("latin-1"), _binary(value) if name.endswith(b"-bin") else value.decode("latin-1"))
        for name, value in fields
        if name not in without and not name.startswith(b":")
    )


def read_status(fields: Sequence[Field]) -> Status | None:
    """How the call ended, by its trailers; None where they do not say."""
    values = dict(fields)
    code = values.get(b"grpc-status")
    if code is None:
        return None
    details = unquote_to_bytes(values.get(b"grpc-message", b"")).decode("utf-8", "replace")
    return Status(_status_code(code), details, metadata_of(fields, OF_THE_STATUS))


def status_of_http(status: int) -> int:
    """gRPC status for an answer that is none of gRPC."""
    return OF_HTTP.get(status, UNKNOWN)


def metadata_block(metadata: Iterable[tuple[str, str | bytes]]) -> bytes:
    """Metadata as bytes of a header block. Raises ValueError for a name or text that gRPC cannot carry."""
    return b"".join([_encoded(name, value) for name, value in metadata])


def status_block(code: int, details: str, metadata: Iterable[tuple[str, str | bytes]] = ()) -> bytes:
    """Trailers as bytes of a header block."""
    block = OK_BLOCK if code == 0 else literal(b"grpc-status", b"%d" % code)
    if details:
        block += literal(b"grpc-message", _quoted(details))
    return block + metadata_block(metadata)


def timeout_header(timeout_s: float) -> bytes:
    """The header of a deadline, rounded down to what its unit can say; at least a nanosecond."""
    us = max(1, math.floor(timeout_s * 1e6))
    if us < 100_000_000:
        return literal(b"grpc-timeout", b"%du" % us)
    ms = us // 1_000
    return literal(b"grpc-timeout", b"%dm" % ms if ms < 100_000_000 else b"%dS" % min(ms // 1_000, 99_999_999))


def request_block(path: str, authority: str, user_agent: str, *, is_secure: bool = False) -> bytes:
    """The part of a request's headers that is the same for each call of a method. is_secure: whether TLS is around it."""
    method_and_scheme = b"\x83\x87" if is_secure else b"\x83\x86"
    return method_and_scheme + literal(b":path", path.encode()) + literal(b":authority", authority.encode()) + literal(
        b"te", b"trailers"
    ) + literal(b"content-type", b"application/grpc") + literal(b"user-agent", user_agent.encode()) + literal(
        b"grpc-accept-encoding", b"identity,deflate,gzip"
    )  # fmt: skip


def _quoted(details: str) -> bytes:
    """A text as `grpc-message` carries it: percent-encoded, and so that no white space stands at either end."""
    quoted = quote_from_bytes(details.encode("utf-8", "replace"), safe=UNSAFE)
    if quoted.startswith(" "):
        quoted = f"%20{quoted[1:]}"
    return (f"{quoted[:-1]}%20" if quoted.endswith(" ") else quoted).encode()


def _encoded(name: str, value: str | bytes) -> bytes:
    if isinstance(value, bytes):
        if not name.endswith("-bin"):
            value = value.decode("ascii")
        else:
            return literal(_name(name), base64.b64encode(value).rstrip(b"="))
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"metadata {name[:64]!r} cannot be carried: its value is not printable ASCII")
    return literal(_name(name), value.strip().encode())


@lru_cache(NAMES_REMEMBERED)
def _name(name: str) -> bytes:
    if not NAME.fullmatch(name):
        raise ValueError(f"metadata {name[:64]!r} cannot be carried: names have small letters, digits, _ - and .")
    return name.encode()


def _status_code(code: bytes) -> int:
    """The code of a `grpc-status`: INTERNAL where it is no number, UNKNOWN where the number is no code."""
    if not code.isdigit():
        return INTERNAL
    digits = code.lstrip(b"0") or b"0"
    return int(digits) if len(digits) <= 2 and int(digits) <= UNAUTHENTICATED else UNKNOWN


def _binary(value: bytes) -> bytes:
    """Bytes of a -bin value, padded or not; several joined by commas come as they are."""
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return value
