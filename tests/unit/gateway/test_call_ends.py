"""K2 at both doors, over real sockets: every call has one end that is true, and its place is given back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from harness.waiting import PATIENCE_S
from unit.gateway.doors import (
    FREE,
    KEYS,
    bearer,
    doors,
    echo,
    infer_on,
    piece_of,
    request_of,
    response_of,
    stream_on,
)
from weir.capture.capture_full import CaptureFull
from weir.gateway.core.call import Call, CallEnd
from weir.gateway.core.kept_answer import KeptAnswer

pytestmark = pytest.mark.capability("X1")

NO_MESSAGE = b"\x0a\xff\xff\xff\xff"
"""Bytes that are no message: a field that runs past the end."""


async def hangs(_: bytes, __: Any) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError("never")


async def hangs_in_stream(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
    async for _message in requests:
        yield piece_of("1")
        await asyncio.Event().wait()


async def is_busy(_: bytes, context: Any) -> bytes:
    await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full", (("retry-after-ms", "1500"),))
    raise AssertionError("abort raises")


async def is_busy_in_stream(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for _message in requests:
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue is full")
    yield b""


async def garbage_in_stream(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
    async for _message in requests:
        yield NO_MESSAGE


async def garbage_after_a_piece(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
    async for _message in requests:
        yield piece_of("1")
        yield NO_MESSAGE


async def garbage(_: bytes, __: Any) -> bytes:
    return NO_MESSAGE


async def test_answered_calls_of_every_kind_end_ok(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        assert await gateway.infer(request_of(), channel=channel) == response_of("1").SerializeToString()
        assert await gateway.stream(request_of("qa-stream"), channel=channel) == [
            piece_of("1"),
            piece_of("1", is_last=True),
        ]
        assert (await gateway.chat()).status_code == 200
        assert "[DONE]" in (await gateway.chat(stream=True)).text

        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.ends() == [("ok", "")] * 4
        assert gateway.open_calls() == set()


async def test_a_client_gone_from_a_unary_http_call_is_noticed_and_the_model_server_let_go(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway:
        gateway.model.unary = hangs
        asking = asyncio.create_task(gateway.chat())
        await gateway.until(lambda: gateway.model.calls == 1)
        asking.cancel()

        await gateway.until(lambda: gateway.ends() == [("cancelled", "cancelled")])
        await gateway.until(gateway.model.cancelled.is_set)
        await gateway.until(lambda: gateway.held == FREE)
        assert asking.cancelled()


@pytest.mark.parametrize("method", ["unary", "stream"])
async def test_a_grpc_client_that_leaves_ends_its_call_and_frees_its_place(tmp_path: Path, method: str) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.model.unary, gateway.model.stream = hangs, hangs_in_stream
        if method == "unary":
            call = infer_on(channel)(request_of(), metadata=bearer(KEYS["ada"]))
        else:
            call = stream_on(channel)(iter([request_of("qa-stream")]), metadata=bearer(KEYS["ada"]))
        await gateway.until(lambda: gateway.model.calls == 1)
        call.cancel()

        await gateway.until(lambda: gateway.ends() == [("cancelled", "cancelled")])
        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.open_calls() == set()


async def test_calls_cancelled_at_any_moment_have_one_end_each(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        for number in range(60):
            call = infer_on(channel)(request_of(request_id=str(number)), metadata=bearer(KEYS["ada"]))
            for _ in range(number % 12):
                await asyncio.sleep(0)
            call.cancel()

        await gateway.until(lambda: gateway.held == FREE and not gateway.open_calls())
        ended = [one.call.request_id for one in gateway.records() if one.end is not None and one.call is not None]
        assert len(ended) == len(set(ended))


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_refusal_of_the_model_server_is_refused_at_every_door(tmp_path: Path, is_stream: bool) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.model.unary, gateway.model.stream = is_busy, is_busy_in_stream
        asking: Any = (
            gateway.stream(request_of("qa-stream"), channel=channel)
            if is_stream
            else gateway.infer(request_of(), channel=channel)
        )
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await asking
        answer = await gateway.chat(stream=is_stream)

        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert answer.status_code == 503
        assert is_stream or answer.headers["retry-after"] == "2", "1.5 s, rounded up"
        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.ends() == [("refused", "overloaded")] * 2


def failing(code: grpc.StatusCode, details: str, trailing: tuple[tuple[str, str], ...] = ()) -> tuple[Any, Any]:
    """A model that aborts every call, and every stream after its first request."""

    async def unary(_: bytes, context: Any) -> bytes:
        await context.abort(code, details, trailing)
        raise AssertionError("abort raises")

    async def stream(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for _message in requests:
            await context.abort(code, details, trailing)
        yield b""

    return unary, stream


def answering_large() -> tuple[Any, Any]:
    """A model whose answers are larger than a message may be."""
    text = "a" * 20_000_000

    async def unary(_: bytes, __: Any) -> bytes:
        return bytes(response_of("1", text).SerializeToString())

    async def stream(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        async for _message in requests:
            yield piece_of("1", text, is_last=True)

    return unary, stream


SAID = {
    "details of 15,000": (
        failing(grpc.StatusCode.INVALID_ARGUMENT, "b" * 15_000),
        "INVALID_ARGUMENT",
        "invalid_request",
    ),
    "details of 90,000": (failing(grpc.StatusCode.INVALID_ARGUMENT, "b" * 90_000), "INTERNAL", "upstream_error"),
    "20 MB": (answering_large(), "INTERNAL", "upstream_error"),
    "5,000 digits": (
        failing(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", (("retry-after-ms", "9" * 5_000),)),
        "RESOURCE_EXHAUSTED",
        "overloaded",
    ),
    "400 digits": (
        failing(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", (("retry-after-ms", "9" * 400),)),
        "RESOURCE_EXHAUSTED",
        "overloaded",
    ),
}


@pytest.mark.parametrize("said", SAID)
@pytest.mark.slow
async def test_what_the_model_server_says_has_one_meaning_however_large(tmp_path: Path, said: str) -> None:
    model, code, reason = SAID[said]
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.model.unary, gateway.model.stream = model
        for asking in (
            gateway.infer(request_of(), channel=channel),
            gateway.stream(request_of("qa-stream"), channel=channel),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await asking
            assert error.value.code().name == code, error.value.details()
            assert len(error.value.details() or "") < 600
        answers = [await gateway.chat(stream=is_stream) for is_stream in (False, True)]

        status = {"invalid_request": 400, "upstream_error": 502, "overloaded": 503}[reason]
        assert [(one.status_code, one.json()["error"]["code"]) for one in answers] == [(status, reason)] * 2
        await gateway.until(lambda: gateway.held == FREE)
        outcome = "refused" if reason == "overloaded" else "failed"
        assert gateway.ends() == [(outcome, reason)] * 4


@pytest.mark.parametrize("is_stream", [False, True])
async def test_bytes_of_the_model_server_that_are_no_message_are_a_bad_gateway_with_an_end(
    tmp_path: Path, is_stream: bool
) -> None:
    async with doors(tmp_path) as gateway:
        gateway.model.unary, gateway.model.stream = garbage, garbage_in_stream
        answer = await gateway.chat(stream=is_stream)

        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.ends() == [("failed", "upstream_error")]
        assert gateway.open_calls() == set()
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")


async def test_bytes_that_are_no_message_amid_a_streamed_answer_are_an_error_event_and_no_clean_end(
    tmp_path: Path,
) -> None:
    async with doors(tmp_path) as gateway:
        gateway.model.stream = garbage_after_a_piece
        answer = await gateway.chat(stream=True)

        *_, last = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
        assert answer.status_code == 200
        assert json.loads(last)["error"]["code"] == "upstream_error"
        assert "[DONE]" not in answer.text
        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.ends() == [("failed", "upstream_error")]
        assert gateway.open_calls() == set()


async def test_a_stream_with_bytes_that_are_no_message_ends_with_an_error_and_an_end(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.model.stream = garbage_in_stream
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await gateway.stream(request_of("qa-stream"), channel=channel)

        assert error.value.code() is grpc.StatusCode.INTERNAL
        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.ends() == [("failed", "upstream_error")]


class Disk:
    """A spool that refuses ends while told so."""

    def __init__(self, gateway: Any) -> None:
        self.capture = gateway.capture
        self.completed, self.ended = self.capture.write_end, self.capture.write_small_end

    def refuses(self, call: Call, end: CallEnd, wire: bytes, answer: KeptAnswer) -> None:
        raise CaptureFull("no space left on device", "disk_refused")

    def refuses_all(self, call: Call, end: CallEnd, wire_bytes: int, answer_bytes: int) -> None:
        raise CaptureFull("no space left on device", "disk_refused")


@pytest.mark.parametrize("on_full", ["shed", "reject"])
async def test_an_end_that_the_spool_does_not_take_is_named_and_its_call_is_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_full: str
) -> None:
    async with doors(tmp_path, on_full=on_full) as gateway:
        disk = Disk(gateway)
        monkeypatch.setattr(disk.capture, "write_end", disk.refuses)
        monkeypatch.setattr(disk.capture, "write_small_end", disk.refuses_all)
        status = (await gateway.chat()).status_code

        assert status == (200 if on_full == "shed" else 503)
        assert gateway.held == FREE
        assert gateway.ends() == []
        [gap] = [one.gap for one in gateway.records() if one.gap is not None]
        assert (gap.first_seq, gap.last_seq, len(gap.ended)) == (1, 2, 1)
        assert gateway.open_calls() == set()


@pytest.mark.slow
async def test_an_error_of_ours_is_an_answer_an_end_and_a_free_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:

        def breaks(*_: object) -> None:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(gateway.parts.turnstile, "charge_tokens", breaks)
        answer = await gateway.chat()
        with pytest.raises(grpc.aio.AioRpcError) as unary:
            await gateway.infer(request_of(), channel=channel)
        [told] = await gateway.stream(request_of("qa-stream", "7"), channel=channel)

        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
        assert unary.value.code() is grpc.StatusCode.INTERNAL
        assert b"its log says why" in told
        assert gateway.held == FREE
        assert gateway.ends() == [("failed", "internal_error")] * 3


async def test_an_error_in_the_sender_of_a_stream_does_not_hang_its_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.model.stream = hangs_in_stream

        def breaks(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a bug")

        stream = stream_on(channel)(metadata=bearer(KEYS["ada"]))
        await stream.write(request_of("qa-stream", "1"))
        assert bytes(await stream.read()) == piece_of("1")
        monkeypatch.setattr("weir.gateway.api.oip.stream.start_call", breaks)
        await stream.write(request_of("qa-stream", "2"))

        async with asyncio.timeout(PATIENCE_S):
            code = await stream.code()
        assert code is grpc.StatusCode.INTERNAL
        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.ends() == [("failed", "internal_error")]


async def test_a_clock_that_jumps_back_makes_no_negative_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with doors(tmp_path) as gateway:

        async def jumps(message: bytes, context: Any) -> bytes:
            monkeypatch.setattr("weir.gateway.calls.call_session.monotonic_s", later)
            return await echo(message, context)

        now_s = asyncio.get_running_loop().time()

        def later() -> float:
            return now_s + 3_600.0

        gateway.model.unary = jumps
        await gateway.chat()

        [record] = [one for one in gateway.records() if one.end is not None]
        assert record.end is not None
        assert record.call is not None
        assert record.end.end_time_us - record.call.start_time_us > 3_000_000_000
