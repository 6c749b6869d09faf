"""`python -m chaos.bad_neighbour GRPC URL KEY`: one tenant, and strangers, that misbehave in every way at once until killed.

A process of its own, so that its work is not felt by the clients that are measured. Each way goes on at a steady pace: what
is shown is that the gateway lets nobody pay for it, not that two cores are enough for any flood.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import httpx2
from grpc_health.v1 import health_pb2
from tritonclient.grpc import service_pb2

SERVICE = "/inference.GRPCInferenceService"
WATCHES = 512
HEADER_ONLY = 520
HEADER_ONLY_AT_ONCE = 26
"""Of them in one burst, each PACE_S. Chosen: a burst is served before others, 0.3 ms of a core for each call."""

IDLE_STREAMS = 256
LARGE_BYTES = 2_000_000
NAME_CHARS = 8_000_000

PACE_S = 0.1
"""Seconds between two turns of what is sent again and again. Chosen: with all of it a core is about half busy."""

SLOW_PACE_S = 2.0
"""The same for what takes eight megabytes. Arbitrary; any value from 1 to 20 would do."""

QUESTION = bytes(health_pb2.HealthCheckRequest().SerializeToString())


class Neighbour:
    """What it does, each on connections of its own."""

    def __init__(self, grpc_address: str, url: str, key: str) -> None:
        self._address = grpc_address
        self._url = url
        self._key = (("authorization", f"Bearer {key}"),)
        self._bearer = {"authorization": f"Bearer {key}"}

    async def run(self) -> None:
        """All ways at once, for ever."""
        ways: tuple[Callable[[], Awaitable[None]], ...] = (
            self._watch, self._send_headers, self._idle, self._send_large, self._ask_for_nothing, self._flood,
            self._send_a_long_name, self._leave_bodies_unfinished,
        )  # fmt: skip
        await asyncio.gather(*(way() for way in ways))

    async def _watch(self) -> None:
        async with self._channel() as channel:
            watches = [channel.unary_stream("/grpc.health.v1.Health/Watch")(QUESTION) for _ in range(WATCHES)]
            await asyncio.gather(*(_ended(watch) for watch in watches))
            await asyncio.Event().wait()

    async def _send_headers(self) -> None:
        """Calls without a key and with one, of which nothing but headers comes."""
        async with self._channel() as channel:
            infer = channel.stream_stream(f"{SERVICE}/ModelInfer")
            size = HEADER_ONLY
            while True:
                calls = [infer(metadata=self._key if number % 2 else None) for number in range(size)]
                await asyncio.gather(*(_ended(call) for call in calls))
                size = HEADER_ONLY_AT_ONCE
                await asyncio.sleep(PACE_S)

    async def _idle(self) -> None:
        async with self._channel() as channel:
            streams = [
                channel.stream_stream(f"{SERVICE}/ModelStreamInfer")(metadata=self._key) for _ in range(IDLE_STREAMS)
            ]
            await asyncio.gather(*(_ended(stream) for stream in streams))
            await asyncio.Event().wait()

    async def _send_large(self) -> None:
        message = _request("docs-qa", "x" * LARGE_BYTES)
        async with self._channel() as channel:
            while True:
                await _ended(channel.unary_unary(f"{SERVICE}/ModelInfer")(message))
                await asyncio.sleep(PACE_S)

    async def _ask_for_nothing(self) -> None:
        async with self._channel() as channel:
            number = 0
            while True:
                number += 1
                message = _request(f"unknown-{number}", "x")
                await _ended(channel.unary_unary(f"{SERVICE}/ModelInfer")(message, metadata=self._key))
                await asyncio.sleep(PACE_S / 5)

    async def _flood(self) -> None:
        """Good calls, far more than its rate allows."""
        message = _request("docs-qa", "pause_ms=0")
        async with self._channel() as channel:
            while True:
                calls = [
                    channel.unary_unary(f"{SERVICE}/ModelInfer")(message, metadata=self._key, timeout=10)
                    for _ in range(4)
                ]
                await asyncio.gather(*(_ended(call) for call in calls))
                await asyncio.sleep(PACE_S)

    async def _send_a_long_name(self) -> None:
        body = {"model": "x" * NAME_CHARS, "messages": [{"role": "user", "content": "x"}]}
        async with httpx2.AsyncClient(verify=False, timeout=30) as client:
            while True:
                await client.post(f"{self._url}/v1/chat/completions", json=body, headers=self._bearer)
                await asyncio.sleep(SLOW_PACE_S)

    async def _leave_bodies_unfinished(self) -> None:
        host, port = self._url.removeprefix("http://").split(":")
        while True:
            _, writer = await asyncio.open_connection(host, int(port))
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100000\r\n"
            head += f"content-type: application/json\r\nauthorization: {self._bearer['authorization']}\r\n\r\n"
            writer.write((head + "{").encode())
            await writer.drain()
            await asyncio.sleep(SLOW_PACE_S)
            writer.close()

    def _channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._address, options=[("grpc.use_local_subchannel_pool", 1)])


async def _ended(call: Any) -> None:
    """Wait for the call's status, whatever it is."""
    await call.code()


def _request(model: str, text: str) -> bytes:
    message = service_pb2.ModelInferRequest(model_name=model)
    message.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    message.raw_input_contents.append(len(text.encode()).to_bytes(4, "little") + text.encode())
    return bytes(message.SerializeToString())


if __name__ == "__main__":
    asyncio.run(Neighbour(*sys.argv[1:4]).run())
