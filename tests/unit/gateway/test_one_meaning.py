"""K4 at the gRPC door, over real sockets: what is authorised is what is recorded and what reaches the model server."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2

from fuzz.oip_messages import a_request, edited
from unit.gateway.doors import KEYS, Doors, doors, echo, infer_on, request_of

CHANGED_MAX = 300
"""Messages sent through the door; `make fuzz` sends more to what reads them."""


class Heard:
    """A model server that keeps what it was sent."""

    def __init__(self) -> None:
        self.wires: list[bytes] = []

    async def unary(self, message: bytes, context: Any) -> bytes:
        self.wires.append(message)
        return await echo(message, context)


async def refusal_of(door: Doors, wire: bytes, channel: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await door.infer(wire, channel=channel)
    return raised.value


@pytest.mark.slow
async def test_changed_messages_reach_the_server_as_they_were_checked(tmp_path: Path) -> None:
    chance, heard, sent, codes = random.Random(4), Heard(), list[bytes](), set[grpc.StatusCode]()
    async with doors(tmp_path, refusals_recorded_per_minute=10_000) as door, door.channel() as channel:
        door.model.unary = heard.unary
        for _ in range(CHANGED_MAX):
            wire = edited(chance, a_request(chance, "qa"))
            try:
                await door.infer(wire, channel=channel)
            except grpc.aio.AioRpcError as error:
                codes.add(error.code())
            else:
                sent.append(wire)
        recorded = [record for record in door.records() if record.kind == "requested"]

    assert codes == {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
    assert len(sent) > CHANGED_MAX // 20
    assert [record.wire for record in recorded] == heard.wires
    meant = [service_pb2.ModelInferRequest.FromString(wire) for wire in sent]
    assert [service_pb2.ModelInferRequest.FromString(wire) for wire in heard.wires] == meant
    assert {record.call.model for record in recorded if record.call} == {"qa"} == {one.model_name for one in meant}


async def test_a_second_model_name_does_not_get_past_the_first(tmp_path: Path) -> None:
    heard = Heard()
    async with doors(tmp_path) as door, door.channel() as channel:
        door.model.unary = heard.unary
        error = await refusal_of(door, request_of("qa") + b"\x0a\x06secret", channel)
        await door.infer(b"\x0a\x06secret" + request_of("qa"), channel=channel)

    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert [service_pb2.ModelInferRequest.FromString(wire).model_name for wire in heard.wires] == ["qa"]
    assert b"secret" not in heard.wires[0]


@pytest.mark.capability("G1")
@pytest.mark.parametrize("name", ["tenant", "scopes"])
async def test_no_field_and_no_header_sets_the_tenant_or_the_scopes(tmp_path: Path, name: str) -> None:
    named = {name: "bob" if name == "tenant" else "admin"}
    headers = {f"{before}{name}": named[name] for before in ("", "x-", "weir-", "x-weir-")}
    request = service_pb2.ModelInferRequest.FromString(request_of())
    request.parameters[name].string_param = named[name]
    body = {"model": "qa", "messages": [{"role": "user", "content": "why?"}]}
    async with doors(tmp_path, rights={"scopes": ["infer"]}) as door, door.channel() as channel:
        said = await door.chat(**named)
        error = await refusal_of(door, request.SerializeToString(), channel)
        sent = {**headers, "authorization": f"Bearer {KEYS['ada']}"}
        answer = await door.client.post(f"{door.url}/v1/chat/completions", json=body, headers=sent)
        looked = await door.client.get(f"{door.url}/v1/models", headers=sent)
        await infer_on(channel)(request_of(), metadata=tuple(sent.items()))
        tenants = {one.call.tenant for one in door.records() if one.call is not None}

    assert (said.status_code, name in said.json()["error"]["message"]) == (400, True)
    assert (error.code(), name in str(error.details())) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert (answer.status_code, looked.status_code) == (200, 403)
    assert tenants == {"ada"}


@pytest.mark.parametrize("word", ["model_version", "sequence_id", "priority", "shared_memory_region"])
async def test_what_steers_the_server_stops_at_the_door(tmp_path: Path, word: str) -> None:
    request = service_pb2.ModelInferRequest.FromString(request_of())
    if word == "model_version":
        request.model_version = "2"
    else:
        holder = request.inputs[0] if word.startswith("shared") else request
        holder.parameters[word].string_param = "7"
    async with doors(tmp_path) as door, door.channel() as channel:
        error = await refusal_of(door, request.SerializeToString(), channel)
        streamed = await door.stream(request.SerializeToString(), channel=channel)
        routes = [record.call.route for record in door.records() if record.end is not None and record.call is not None]

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert word in (error.details() or "")
    [answer] = [service_pb2.ModelStreamInferResponse.FromString(one) for one in streamed]
    assert word in answer.error_message
    assert door.model.calls == 0
    assert routes == ["qa", "qa"]
