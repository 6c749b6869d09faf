"""Who asks on a gRPC stream: the caller that its authorization names when the request comes, not the one who opened it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from tritonclient.grpc import service_pb2

from harness.waiting import PATIENCE_S
from unit.gateway.doors import FREE, KEYS, Doors, bearer, doors, request_of, stream_on
from weir.access import keys_file

pytestmark = pytest.mark.capability("G1")


@pytest.fixture(autouse=True)
def looked_at_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys file is looked at with every question."""
    monkeypatch.setattr(keys_file, "LOOK_EVERY_S", 0.0)


def change_key(folder: Path, **fields: Any) -> None:
    """Set these fields of ada's key in the file."""
    path = folder / "keys.json"
    keys = json.loads(path.read_text())["keys"]
    changed = [{**key, **(fields if key["id"] == "key-ada" else {})} for key in keys]
    path.write_text(json.dumps({"keys": changed}))


def revoke_key(folder: Path) -> None:
    """Take ada's key out of the file."""
    path = folder / "keys.json"
    keys = json.loads(path.read_text())["keys"]
    path.write_text(json.dumps({"keys": [key for key in keys if key["id"] != "key-ada"]}))


EXPIRED = {"expires_us": 1}


async def asked(stream: Any, request_id: str = "1") -> str:
    """The error that a request is answered with; empty for its two pieces."""
    await stream.write(request_of("qa-stream", request_id))
    first = service_pb2.ModelStreamInferResponse.FromString(await stream.read())
    if not first.error_message:
        await stream.read()
    return str(first.error_message)


async def end_of(stream: Any) -> tuple[grpc.StatusCode, str]:
    async with asyncio.timeout(PATIENCE_S):
        return await stream.code(), await stream.details()


def tenants_of_ends(gateway: Doors) -> list[str]:
    return [one.call.tenant for one in gateway.records() if one.end is not None and one.call is not None]


@pytest.mark.parametrize("is_revoked", [True, False], ids=["revoked", "expired"])
async def test_a_request_of_a_key_that_is_none_any_more_ends_its_stream(tmp_path: Path, is_revoked: bool) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        stream = stream_on(channel)(metadata=bearer(KEYS["ada"]))
        assert await asked(stream) == ""
        if is_revoked:
            revoke_key(tmp_path)
        else:
            change_key(tmp_path, **EXPIRED)
        await stream.write(request_of("qa-stream", "2"))

        code, text = await end_of(stream)
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert ("not known" if is_revoked else "expired") in text
        await gateway.until(lambda: gateway.held == FREE)
        assert gateway.model.calls == 1


async def test_a_stream_that_only_receives_ends_with_its_key_and_so_do_its_calls(tmp_path: Path) -> None:
    async def silent(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
        async for _message in requests:
            await asyncio.Event().wait()
        yield b""

    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        gateway.model.stream = silent
        stream = stream_on(channel)(metadata=bearer(KEYS["ada"]))
        await stream.write(request_of("qa-stream", "1"))
        await gateway.until(lambda: gateway.is_holding(1))
        revoke_key(tmp_path)

        assert (await end_of(stream))[0] is grpc.StatusCode.UNAUTHENTICATED
        await gateway.until(lambda: gateway.held == FREE)
        [end] = [one.end for one in gateway.records() if one.end is not None]
        assert (end.outcome, end.error_type) == ("cancelled", "cancelled")
        assert "API key" in end.error_message
        async with asyncio.timeout(PATIENCE_S):
            await gateway.model.cancelled.wait()


async def test_an_idle_stream_ends_with_its_key(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        stream = stream_on(channel)(metadata=bearer(KEYS["ada"]))
        await gateway.until(lambda: gateway.held[1] == 1)
        change_key(tmp_path, **EXPIRED)

        assert (await end_of(stream))[0] is grpc.StatusCode.UNAUTHENTICATED
        await gateway.until(lambda: gateway.held == FREE)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"scopes": ["models"]}, "this call needs infer"),
        ({"routes": ["other"]}, "is not for route"),
        ({"limits": {"calls_per_minute": 1}}, "calls_per_minute_key"),
    ],
    ids=["scopes", "routes", "limits"],
)
async def test_rights_and_limits_of_now_hold_for_the_next_request(
    tmp_path: Path, fields: dict[str, Any], told: str
) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        stream = stream_on(channel)(metadata=bearer(KEYS["ada"]))
        assert await asked(stream) == ""
        change_key(tmp_path, **fields)

        answers = [await asked(stream, request_id) for request_id in ("2", "3")]
        assert told in answers[1]
        await stream.done_writing()
        assert (await end_of(stream))[0] is grpc.StatusCode.OK


async def test_the_tenant_of_now_is_the_next_requests_tenant(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        stream = stream_on(channel)(metadata=bearer(KEYS["ada"]))
        assert await asked(stream) == ""
        change_key(tmp_path, tenant="eve")
        assert await asked(stream) == ""
        await stream.done_writing()
        assert (await end_of(stream))[0] is grpc.StatusCode.OK

        await gateway.until(lambda: gateway.held == FREE)
        assert tenants_of_ends(gateway) == ["ada", "eve"]
