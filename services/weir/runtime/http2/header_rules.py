"""Which headers a message may have (RFC 9113, section 8). Each function raises Malformed for the first that may not be."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weir.runtime.http2.header_blocks import Field

FORBIDDEN = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
"""Headers of a connection, which HTTP/2 does not have (section 8.2.2)."""

NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
"""A name: a token without upper-case letters (section 8.2.1)."""

USUAL = frozenset(
    (b"content-type", b"user-agent", b"authorization", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding", b"grpc-status",
     b"grpc-message", b"traceparent", b"tracestate", b"content-length", b"accept-encoding", b"weir-request-id", b"weir-release",
     b"weir-server-timing")
)  # fmt: skip
"""Names that are good, and that most messages have: they are not looked at again."""

NO_VALUE = re.compile(rb"[\0\r\n]|^[ \t]|[ \t]$")
"""What no value has: a NUL, a line's end, white space at either end (section 8.2.1)."""

NO_VALUE_OF_SERVERS = re.compile(rb"[\0\r\n]")
"""The same of a response. White space at either end is taken: grpc's servers, Triton among them, send messages of errors so."""

REQUIRED = frozenset((b":method", b":scheme", b":path"))
KNOWN = REQUIRED | {b":authority"}
"""Pseudo-headers of a request (section 8.3.1)."""


class Malformed(ValueError):
    """A message that breaks a rule; the text names it."""


def demand_request(fields: Sequence[Field]) -> None:
    """Raises Malformed unless these are the headers of a request."""
    pseudo = _pseudo_headers(fields, KNOWN)
    missing = REQUIRED - pseudo.keys()
    if missing:
        raise Malformed(f"no {sorted(missing)[0].decode()}")
    if not pseudo[b":path"]:
        raise Malformed("an empty :path")


def demand_response(fields: Sequence[Field]) -> int:
    """The status of a response. Raises Malformed unless these are its headers."""
    status = _pseudo_headers(fields, frozenset((b":status",)), NO_VALUE_OF_SERVERS).get(b":status", b"")
    if len(status) != 3 or not status.isdigit():
        raise Malformed("no :status of three digits")
    return int(status)


def demand_trailers(fields: Sequence[Field]) -> None:
    """Raises Malformed unless these are trailers: they have no pseudo-headers (section 8.1)."""
    _pseudo_headers(fields, frozenset(), NO_VALUE_OF_SERVERS)


def content_length(fields: Sequence[Field]) -> int | None:
    """Bytes that the message says it has; None where it does not say. Raises Malformed for no number, or several."""
    values = {value for name, value in fields if name == b"content-length"}
    if not values:
        return None
    if len(values) > 1 or not (value := values.pop()).isdigit():
        raise Malformed("content-length is no whole number")
    return int(value[:20])


def _pseudo_headers(
    fields: Sequence[Field], known: frozenset[bytes], no_value: re.Pattern[bytes] = NO_VALUE
) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    is_over = False
    for name, value in fields:
        if name.startswith(b":"):
            if is_over or name not in known or name in found:
                raise Malformed(f"{name[:32]!r} is unknown, comes twice, or after other headers")
            found[name] = value
        else:
            is_over = True
            if name not in USUAL:
                _demand_field(name, value)
        if no_value.search(value):
            raise Malformed(f"the value of {name[:32]!r} has a character that no value has")
    return found


def _demand_field(name: bytes, value: bytes) -> None:
    if not NAME.fullmatch(name):
        raise Malformed(f"{name[:32]!r} is no name of a header")
    if name in FORBIDDEN or (name == b"te" and value != b"trailers"):
        raise Malformed(f"{name.decode()} belongs to a connection of HTTP/1")
