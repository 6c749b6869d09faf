"""K3 over real sockets: an answer holds its place and its bytes until its client has read it or is cut."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx2
import psutil
import pytest
from prometheus_client import REGISTRY

from unit.gateway.doors import (
    FREE,
    KEYS,
    Doors,
    bearer,
    doors,
    piece_of,
    request_of,
    response_of,
    still_serves,
    stream_on,
)
from weir.runtime.oip import SERVICE

pytestmark = pytest.mark.capability("X1")


async def test_a_streamed_answer_is_kept_to_its_limit_and_counted_to_its_end(tmp_path: Path) -> None:
    async def flood(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        async for _message in requests:
            for number in range(100):
                yield piece_of("1", "x" * 1_000_000, is_last=number == 99)

    async with doors(tmp_path, capture_bytes_max=1_500_000) as gateway, gateway.channel() as channel:
        gateway.model.stream = flood
        process, peak, size = psutil.Process(), 0, 0
        before = process.memory_info().rss
        async for piece in stream_on(channel)(iter([request_of("qa-stream")]), metadata=bearer(KEYS["ada"])):
            size += len(piece)
            peak = max(peak, process.memory_info().rss)
        await gateway.until(lambda: gateway.ends() == [("ok", "")])

        [record] = [one for one in gateway.records() if one.end is not None]
        assert record.response_bytes == size
        assert len(record.responses) == 1
        assert peak - before < 60_000_000, "of 100 MB"


async def test_a_client_of_a_stream_that_does_not_read_is_cut(tmp_path: Path) -> None:
    async def flood(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        async for _message in requests:
            while True:
                yield piece_of("1", "x" * 1_000_000)

    async with doors(tmp_path, write_timeout_s=0.5) as gateway, gateway.channel() as channel:
        gateway.model.stream = flood
        stream = stream_on(channel)(iter([request_of("qa-stream")]), metadata=bearer(KEYS["ada"]))
        await stream.read()

        await gateway.until(lambda: gateway.ends() == [("cancelled", "cancelled")])
        await gateway.until(lambda: gateway.held == FREE)
        stream.cancel()


def slow_clients() -> float:
    """Answers that were not read in time so far."""
    return REGISTRY.get_sample_value("weir_gateway_slow_clients_total") or 0.0


def answers(size_bytes: int) -> Any:
    """A model server whose every answer has so many bytes of text."""
    wire = response_of("1", "a" * size_bytes).SerializeToString()

    async def answer(_: bytes, __: Any) -> bytes:
        return bytes(wire)

    return answer


async def infer_code(gateway: Doors) -> grpc.StatusCode:
    """Status of one refused call."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await gateway.infer(request_of())
    return refused.value.code()


NARROW = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)]
"""A client whose window stays at 64 KiB a call: what it does not read stays at the gateway."""


async def test_a_unary_answer_holds_its_place_and_bytes_until_it_is_read_or_its_client_leaves(tmp_path: Path) -> None:
    async with (
        doors(tmp_path, calls_at_once_max=6, write_timeout_s=1.0) as gateway,
        grpc.aio.insecure_channel(gateway.grpc_address, options=NARROW) as channel,
    ):
        gateway.model.unary, before, calls = answers(1_000_000), slow_clients(), list[Any]()
        for number in range(1, 5):
            call = channel.stream_stream(f"/{SERVICE}/ModelInfer")(metadata=bearer(KEYS["ada"]))
            await call.write(request_of())
            await call.done_writing()
            calls.append(call)
            await gateway.until(partial(gateway.is_ended, number))
            assert gateway.held[0] == number
            assert gateway.held[2] > number * 1_000_000
        assert await infer_code(gateway) is grpc.StatusCode.RESOURCE_EXHAUSTED
        await gateway.until(lambda: slow_clients() - before == 4)
        assert gateway.held[0] == 4, "slow or not, it is held while gRPC keeps its message"
        await still_serves(gateway)

        for left, call in enumerate(reversed(calls[2:]), 1):
            assert len(await call.read()) > 1_000_000
            await gateway.until(partial(gateway.is_holding, 4 - left))
        for call in calls[:2]:
            call.cancel()
        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.ends().count(("ok", "")) == 6, "the four, and two of bob's"


async def test_an_http_client_that_does_not_take_its_answer_holds_its_place_and_is_cut(tmp_path: Path) -> None:
    async with doors(tmp_path, write_timeout_s=0.5) as gateway:
        gateway.model.unary, before = answers(8_000_000), slow_clients()
        body = b'{"model": "qa", "messages": [{"role": "user", "content": "x"}]}'
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", httpx2.URL(gateway.url).port))
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEYS['ada']}\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            await loop.sock_sendall(client, head.encode() + body)

            await gateway.until(lambda: gateway.ends() == [("ok", "")])
            assert gateway.held[0] == 1
            assert gateway.held[2] > 8_000_000
            await gateway.until(lambda: gateway.held == FREE)
        assert slow_clients() - before == 1


async def test_an_answer_that_finds_no_room_in_hand_is_refused_at_every_door_and_recorded_so(tmp_path: Path) -> None:
    async with doors(tmp_path, bytes_in_hand_max=1_000_000) as gateway:
        gateway.model.unary = answers(2_000_000)
        assert await infer_code(gateway) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await gateway.chat()).status_code == 413

        assert gateway.ends() == [("failed", "payload_too_large")] * 2
        assert gateway.held == FREE
