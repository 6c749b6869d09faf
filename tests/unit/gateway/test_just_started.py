"""A gateway that has just started knows no names yet: it says so as something that passes, and health sends clients elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2

from harness.waiting import PATIENCE_S
from unit.gateway.doors import KEYS, bearer, doors, request_of

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
QUESTION = bytes(health_pb2.HealthCheckRequest().SerializeToString())


def status_of(message: bytes) -> str:
    answer = health_pb2.HealthCheckResponse.FromString(message)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


async def test_a_name_is_unknown_only_once_the_registry_was_read(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.parts.catalog.is_read = False
        with pytest.raises(grpc.aio.AioRpcError, match="has just started") as refused:
            await gateway.infer(request_of(), channel=channel)
        answer = await gateway.chat()
        listed = await gateway.client.get(f"{gateway.url}/v1/models", headers=dict(bearer(KEYS["ada"])))
        gateway.parts.catalog.is_read = True

        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert dict(refused.value.trailing_metadata())["retry-after-ms"] == "1000"
        assert listed.status_code == 503
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        await gateway.infer(request_of(), channel=channel)


async def test_health_says_when_names_are_known(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.known.clear()
        watch = channel.unary_stream(WATCH)(QUESTION)
        async with asyncio.timeout(PATIENCE_S):
            assert status_of(await channel.unary_unary(CHECK)(QUESTION)) == "NOT_SERVING"
            assert status_of(await watch.read()) == "NOT_SERVING"
            gateway.known.set()

            assert status_of(await watch.read()) == "SERVING"
            assert status_of(await channel.unary_unary(CHECK)(QUESTION)) == "SERVING"
        watch.cancel()
