"""What a server that misbehaves is to its caller: a table of both libraries, and of where ours differs, with the reason.

PROTOCOL-HTTP2.md says what a reset is, http-grpc-status-mapping.md what an HTTP status is. Of the rest grpc's C core is the
model, unless it takes for an answer what is none.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest

from harness.http2.wire import data, encoded, headers
from harness.rpc.calls import WITHIN_S, messages
from harness.rpc.pairs import channel_options
from harness.rpc.raw import OK_BLOCK, OK_TRAILERS, RawEnd, a_server_of, begun
from weir.runtime.http2 import frames
from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.frames import DATA, frame, goaway, rst_stream
from weir.runtime.rpc.library import Library, channel_of
from weir.runtime.rpc.messages import framed

S = grpc.StatusCode
ANSWER = framed(b"answer", 6)
GRPC, HTML = (b"content-type", b"application/grpc"), (b"content-type", b"text/html")
ENDED = headers(1, OK_TRAILERS, is_end=True)
ANSWERED = [headers(1, OK_BLOCK), data(1, ANSWER), ENDED]
HUNG_S = 0.5
"""Deadline of a call that the reference never ends by itself."""

Wires = list[bytes]


def fields(status: int, *more: tuple[bytes, bytes], is_end: bool = False) -> bytes:
    """The headers of an answer with an HTTP status."""
    return headers(1, encoded([(b":status", b"%d" % status), *more]), is_end=is_end)


def trailers(code: bytes) -> bytes:
    """The end of an answer with a grpc-status."""
    return headers(1, encoded([(b"grpc-status", code)]), is_end=True)


async def end_after(library: Library, wires: Wires, *, is_closed: bool = False, within_s: float = WITHIN_S) -> Any:
    """The code of a call that is answered by these frames; S.OK for an answer. is_closed: the server closes behind them."""

    async def script(end: RawEnd) -> None:
        await begun(end)
        await end.until(DATA)
        end.send(*wires)
        if not is_closed:
            await end.is_closed()

    async with a_server_of(script) as port:
        channel = channel_of(library, f"127.0.0.1:{port}", channel_options(message_bytes_max=100_000))
        try:
            async with asyncio.timeout(WITHIN_S):
                await channel.unary_unary("/test/echo")(b"x", timeout=within_s)
        except grpc.aio.AioRpcError as error:
            return error.code()
        finally:
            await channel.close()
    return S.OK


RESETS = dict.fromkeys((*ErrorCode, 99), S.INTERNAL) | {
    ErrorCode.REFUSED_STREAM: S.UNAVAILABLE, ErrorCode.CANCEL: S.CANCELLED,
    ErrorCode.ENHANCE_YOUR_CALM: S.RESOURCE_EXHAUSTED, ErrorCode.INADEQUATE_SECURITY: S.PERMISSION_DENIED,
}  # fmt: skip
"""PROTOCOL-HTTP2.md, Errors."""


@pytest.mark.parametrize("code", RESETS)
@pytest.mark.parametrize("before", [[], [headers(1, OK_BLOCK), data(1, ANSWER)]], ids=["at once", "after a message"])
async def test_a_reset_is_a_status(library: Library, code: int, before: Wires) -> None:
    assert await end_after(library, [*before, rst_stream(1, code)]) == RESETS[code]


OF_HTTP = {
    200: S.UNKNOWN, 204: S.UNKNOWN, 301: S.UNKNOWN, 400: S.INTERNAL, 401: S.UNAUTHENTICATED, 403: S.PERMISSION_DENIED,
    404: S.UNIMPLEMENTED, 408: S.UNKNOWN, 429: S.UNAVAILABLE, 500: S.UNKNOWN, 502: S.UNAVAILABLE, 503: S.UNAVAILABLE,
    504: S.UNAVAILABLE, 599: S.UNKNOWN,
}  # fmt: skip
"""http-grpc-status-mapping.md."""


@pytest.mark.parametrize("status", OF_HTTP)
@pytest.mark.parametrize("is_end", [True, False], ids=["alone", "with a body"])
async def test_an_answer_that_is_none_of_grpc_is_a_status(library: Library, status: int, is_end: bool) -> None:
    body = [] if is_end else [data(1, b"<html>", is_end=True)]

    assert await end_after(library, [fields(status, HTML, is_end=is_end), *body]) == OF_HTTP[status]


@pytest.mark.parametrize("status", [200, 404, 503])
@pytest.mark.parametrize("kind", [GRPC, HTML])
async def test_a_status_of_grpc_goes_before_one_of_http(
    library: Library, status: int, kind: tuple[bytes, bytes]
) -> None:
    assert await end_after(library, [fields(status, kind, (b"grpc-status", b"5"), is_end=True)]) == S.NOT_FOUND


LIKE = {
    "an answer": (ANSWERED, S.OK),
    "an answer of another format": ([fields(200, (b"content-type", b"application/grpc+proto")), *ANSWERED[1:]], S.OK),
    "an answer, then a reset": ([*ANSWERED, rst_stream(1, 0)], S.OK),
    "no trailers": ([headers(1, OK_BLOCK), data(1, ANSWER, is_end=True)], S.UNKNOWN),
    "headers alone": ([headers(1, OK_BLOCK, is_end=True)], S.UNKNOWN),
    "trailers without a status": ([*ANSWERED[:2], headers(1, encoded([(b"x", b"1")]), is_end=True)], S.UNKNOWN),
    "a status that is no code": ([*ANSWERED[:2], trailers(b"17")], S.UNKNOWN),
    "a status of many digits": ([*ANSWERED[:2], trailers(b"100")], S.UNKNOWN),
    "a status with zeros before it": ([*ANSWERED[:2], trailers(b"007")], S.PERMISSION_DENIED),
    "a status that is no number": ([*ANSWERED[:2], trailers(b"x")], S.INTERNAL),
    "a negative status": ([*ANSWERED[:2], trailers(b"-1")], S.INTERNAL),
    "an empty status": ([*ANSWERED[:2], trailers(b"")], S.INTERNAL),
    "a text in white space": ([fields(200, GRPC, (b"grpc-status", b"5"), (b"grpc-message", b" a "), is_end=True)], S.NOT_FOUND),
    "a cut message and an error": ([headers(1, OK_BLOCK), data(1, ANSWER[:8]), trailers(b"5")], S.NOT_FOUND),
    "a cut message without trailers": ([headers(1, OK_BLOCK), data(1, ANSWER[:8], is_end=True)], S.UNKNOWN),
    "a compressed message without an encoding": ([headers(1, OK_BLOCK), data(1, b"\1\0\0\0\1x"), ENDED], S.INTERNAL),
    "a bad gzip": ([fields(200, GRPC, (b"grpc-encoding", b"gzip")), data(1, b"\1\0\0\0\1x"), ENDED], S.INTERNAL),
    "a message too large": ([headers(1, OK_BLOCK), data(1, b"\0\xff\xff\xff\xff")], S.RESOURCE_EXHAUSTED),
    "GOAWAY before the call": ([goaway(0, ErrorCode.NO_ERROR)], S.UNAVAILABLE),
    "GOAWAY after the call, and an answer": ([goaway(1, ErrorCode.NO_ERROR), *ANSWERED], S.OK),
}  # fmt: skip


@pytest.mark.parametrize("case", LIKE)
async def test_both_libraries_end_a_call_alike(library: Library, case: str) -> None:
    wires, code = LIKE[case]

    assert await end_after(library, wires) == code


@pytest.mark.parametrize("wires", [[], ANSWERED[:1], ANSWERED[:2], [goaway(1, ErrorCode.NO_ERROR)]])
async def test_a_connection_that_is_lost_is_unavailable(library: Library, wires: Wires) -> None:
    assert await end_after(library, wires, is_closed=True) == S.UNAVAILABLE


UNLIKE = {
    # The C core looks at no content-type of an answer with HTTP status 200. A proxy's page is none of our messages.
    "another type": ([fields(200, HTML), *ANSWERED[1:]], S.UNKNOWN, S.OK),
    "no type": ([fields(200), *ANSWERED[1:]], S.UNKNOWN, S.OK),
    "gRPC-Web": ([fields(200, (b"content-type", b"application/grpc-web")), *ANSWERED[1:]], S.UNKNOWN, S.OK),
    # The C core does not know 431 yet; the mapping does.
    "headers too large": ([fields(431, HTML, is_end=True)], S.INTERNAL, S.UNKNOWN),
    # grpc.aio gives None for an answer without a message, also where one was cut, and waits for ever behind a second one.
    "no message": ([headers(1, OK_BLOCK), ENDED], S.INTERNAL, S.OK),
    "trailers alone": ([fields(200, GRPC, (b"grpc-status", b"0"), is_end=True)], S.INTERNAL, S.OK),
    "a cut message": ([headers(1, OK_BLOCK), data(1, ANSWER[:8]), ENDED], S.INTERNAL, S.OK),
    "a cut prefix": ([headers(1, OK_BLOCK), data(1, ANSWER[:3]), ENDED], S.INTERNAL, S.OK),
    "a message and a cut one": ([headers(1, OK_BLOCK), data(1, ANSWER + ANSWER[:8]), ENDED], S.INTERNAL, S.DEADLINE_EXCEEDED),
    "two messages": ([headers(1, OK_BLOCK), data(1, ANSWER * 2), ENDED], S.INTERNAL, S.DEADLINE_EXCEEDED),
    "a flag that is none": ([headers(1, OK_BLOCK), data(1, b"\2\0\0\0\1x"), ENDED], S.INTERNAL, S.OK),
    # An encoding that no message uses does no harm.
    "an unknown encoding": ([fields(200, GRPC, (b"grpc-encoding", b"snappy")), *ANSWERED[1:]], S.OK, S.INTERNAL),
    # RFC 9113, section 8.1: an informational answer comes before the other one, headers before data, and :status is there.
    "an informational answer before it": ([fields(103), *ANSWERED], S.OK, S.UNKNOWN),
    "an informational answer alone": ([fields(103, is_end=True)], S.INTERNAL, S.UNKNOWN),
    "no headers": (ANSWERED[1:], S.INTERNAL, S.OK),
    "no :status": ([headers(1, encoded([GRPC])), *ANSWERED[1:]], S.INTERNAL, S.OK),
    # A connection that cannot go on is lost.
    "a stream that the server opens": ([headers(2, OK_BLOCK)], S.UNAVAILABLE, S.DEADLINE_EXCEEDED),
    "headers that cannot be read": ([frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff" * 9)], S.UNAVAILABLE, S.INTERNAL),
}  # fmt: skip
"""Frames, what they are to our channel, and what to grpc.aio's."""


@pytest.mark.parametrize("case", UNLIKE)
async def test_where_ours_differs(library: Library, case: str) -> None:
    wires, ours, theirs = UNLIKE[case]
    within_s = HUNG_S if library == "reference" and theirs == S.DEADLINE_EXCEEDED else WITHIN_S

    assert await end_after(library, wires, within_s=within_s) == (ours if library == "fast" else theirs)


async def test_a_stream_that_ends_inside_a_message_is_no_success() -> None:
    async def script(end: RawEnd) -> None:
        await begun(end)
        await end.until(DATA)
        end.send(headers(1, OK_BLOCK), data(1, ANSWER + ANSWER[:8]), ENDED)
        await end.is_closed()

    async with a_server_of(script) as port:
        channel = channel_of("fast", f"127.0.0.1:{port}", channel_options())
        call = channel.stream_stream("/test/stream")(messages(b"x"), timeout=WITHIN_S)

        assert await call.read() == b"answer"
        assert await call.code() == S.INTERNAL
        await channel.close()
