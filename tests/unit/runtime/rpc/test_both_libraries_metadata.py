"""What a call says beside its messages: metadata, deadlines, statuses, in any pair of both libraries."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest

from harness.rpc.calls import WITHIN_S, by_name, failure, messages
from harness.rpc.pairs import CODES, DETAILS, HEADER_BYTES_MAX, TRAILING, Pair

S = grpc.StatusCode


async def test_metadata_comes_as_it_went(pair: Pair) -> None:
    sent = (
        ("a", "1"),
        ("x-bytes-bin", bytes(range(256))),
        ("a", "2"),
        ("empty", ""),
        ("x-none-bin", b""),
        ("percent", "100%25 ~"),
    )

    peer = await pair.unary("note")(b"", timeout=WITHIN_S, metadata=sent)

    (came, time_left_s) = pair.handlers.metadata[0]
    assert by_name(one for one in came if one[0] != "user-agent") == by_name(sent)
    assert WITHIN_S - 5 < time_left_s < WITHIN_S + 1
    assert peer.startswith(b"ipv4:127.0.0.1:")


async def test_a_call_without_a_deadline_has_none(pair: Pair) -> None:
    await pair.unary("note")(b"")

    assert pair.handlers.metadata[0][1] is None


@pytest.mark.parametrize("code", [code for code in CODES if code])
async def test_a_status_comes_with_its_text_and_metadata(pair: Pair, code: int) -> None:
    error = await failure(pair.unary("fail")(b"%d" % code, timeout=WITHIN_S))

    assert (error.code(), error.details()) == (CODES[code], DETAILS)
    assert by_name(error.trailing_metadata()) == by_name(TRAILING)


async def test_a_stream_says_its_status_and_trailers(pair: Pair) -> None:
    call = pair.streamed("fail")(messages(b"5"), timeout=WITHIN_S)

    with pytest.raises(grpc.aio.AioRpcError):
        await call.read()

    assert (await call.code(), await call.details()) == (S.NOT_FOUND, DETAILS)
    assert by_name(await call.trailing_metadata()) == by_name(TRAILING)


async def test_a_handler_that_fails_ends_its_call_alone(pair: Pair) -> None:
    error = await failure(pair.unary("crash")(b"", timeout=WITHIN_S))

    assert error.code() == S.UNKNOWN
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


@pytest.mark.parametrize("path", ["/test/nothing", "/other/echo", "/test", "/"])
async def test_a_method_that_nobody_knows_is_unimplemented(pair: Pair, path: str) -> None:
    error = await failure(pair.channel.unary_unary(path)(b"", timeout=WITHIN_S))

    assert (error.code(), error.details()) == (S.UNIMPLEMENTED, "Method not found!")


async def test_metadata_up_to_the_bound_is_taken_and_beyond_it_refused(pair: Pair) -> None:
    fits, beyond = (("x", "v" * (HEADER_BYTES_MAX - 1_000)),), (("x", "v" * (2 * HEADER_BYTES_MAX)),)

    assert await pair.unary("echo")(b"", timeout=WITHIN_S, metadata=fits) == b""
    error = await failure(pair.unary("echo")(b"", timeout=WITHIN_S, metadata=beyond))

    assert error.code() == S.RESOURCE_EXHAUSTED
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


async def test_trailers_beyond_the_bound_are_refused(pair: Pair) -> None:
    assert await pair.unary("trail")(b"%d" % (HEADER_BYTES_MAX - 1_000), timeout=WITHIN_S) == b""
    error = await failure(pair.unary("trail")(b"%d" % (HEADER_BYTES_MAX + 1_000), timeout=WITHIN_S))

    assert error.code() == S.RESOURCE_EXHAUSTED
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"
