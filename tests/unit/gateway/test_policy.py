"""K13: what a policy writes down is kept at both APIs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2

from harness.http.gateway_http import HttpDoor, asset
from unit.gateway.doors import doors, response_of
from unit.gateway.test_openai_door import error
from weir.access.refusals import Refusal
from weir.assets.policy import Policy
from weir.assets.shapes import shaped
from weir.events import RegistryChanged
from weir.gateway.core.policy import demand_parameters, demand_size, limits_parameters, parameters_in

POLICY = {"parameters_allowed": ["max_tokens", "seed", "stop"], "output_tokens_max": 64, "input_bytes_max": 100}


def request(**inputs: str | int) -> service_pb2.ModelInferRequest:
    message = service_pb2.ModelInferRequest(model_name="m")
    for name, value in {"text_input": "x", **inputs}.items():
        if isinstance(value, int):
            message.inputs.add(name=name, datatype="INT32", shape=[1])
            message.raw_input_contents.append(value.to_bytes(4, "little"))
        else:
            message.inputs.add(name=name, datatype="BYTES", shape=[1])
            message.raw_input_contents.append(len(value.encode()).to_bytes(4, "little") + value.encode())
    return message


@pytest.mark.parametrize(
    "parameters",
    [{}, {"max_tokens": 64}, {"seed": 7, "stop": ["a"], "max_tokens": 1}],
)
def test_what_is_allowed_passes(parameters: dict[str, object]) -> None:
    demand_parameters(shaped(Policy, POLICY), "r", parameters)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [({"temperature": 0}, "temperature"), ({"temperature": None}, "temperature"), ({"max_tokens": 65}, "max_tokens"),
     ({"max_tokens": None}, "max_tokens"), ({"max_tokens": True}, "max_tokens"), ({"max_tokens": "1"}, "max_tokens"),
     ({"max_tokens": 10**30}, "max_tokens"), ({"max_tokens": float("nan")}, "max_tokens"), ({"max_tokens": -1}, "max_tokens")],
)  # fmt: skip
def test_what_is_not_is_refused_by_name(parameters: dict[str, object], field: str) -> None:
    with pytest.raises(Refusal) as raised:
        demand_parameters(shaped(Policy, POLICY), "r", parameters)

    assert raised.value.field == field


def test_a_large_request_is_refused() -> None:
    demand_size(shaped(Policy, POLICY), "r", 100)
    with pytest.raises(Refusal, match="has 101 bytes"):
        demand_size(shaped(Policy, POLICY), "r", 101)


def test_a_route_without_such_limits_reads_no_parameters() -> None:
    assert limits_parameters(shaped(Policy, POLICY))
    assert not limits_parameters(Policy(input_bytes_max=5))


@pytest.mark.parametrize(
    ("inputs", "parameters"),
    [({}, {}), ({"sampling_parameters": '{"max_tokens": 9}'}, {"max_tokens": 9}), ({"max_tokens": 9}, {"max_tokens": 9}),
     ({"random_seed": 7, "stop_words": "x", "stream": "x"}, {"seed": 7, "stop": "x"}), ({"beam_width": 4}, {"beam_width": 4})],
)  # fmt: skip
def test_parameters_of_an_inference_request_are_all_found(
    inputs: dict[str, Any], parameters: dict[str, object]
) -> None:
    assert parameters_in(request(**inputs)) == parameters


@pytest.mark.parametrize("odd", ["[", "[1]", "x", "[" * 5_000, '{"a": 1'])
def test_parameters_that_cannot_be_read_are_refused(odd: str) -> None:
    with pytest.raises(Refusal, match="no JSON object"):
        parameters_in(request(sampling_parameters=odd))


@pytest.mark.parametrize(("fields", "field"), [({"temperature": 1}, "temperature"), ({"max_tokens": 65}, "max_tokens")])
async def test_http_keeps_the_policy(door: HttpDoor, fields: dict[str, Any], field: str) -> None:
    assert error(await door.chat("limited", "x", **fields), 400)["param"] == field
    assert not door.triton.requests


async def test_grpc_keeps_the_policy(tmp_path: Path) -> None:
    wire = request(sampling_parameters='{"max_tokens": 65}')
    wire.model_name = "qa"
    async with doors(tmp_path) as door:
        door.parts.catalog.apply(limited(POLICY))
        door.parts.catalog.apply(chain())
        with pytest.raises(grpc.aio.AioRpcError, match="allows a whole number up to 64"):
            await door.infer(wire.SerializeToString())

    assert door.model.calls == 0


async def test_a_request_is_parsed_once_also_where_a_policy_reads_it(tmp_path: Path) -> None:
    response, parses = bytes(response_of("1").SerializeToString()), list[str]()
    wire = request(sampling_parameters='{"stop": ["x"]}')
    wire.model_name = "qa"

    async def answers(_message: bytes, _context: Any) -> bytes:
        return response

    def note(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ == "FromString":
            parses.append(repr(called))

    async with doors(tmp_path) as door:
        door.parts.catalog.apply(limited(POLICY))
        door.parts.catalog.apply(chain())
        door.model.unary = answers
        sys.setprofile(note)
        try:
            assert await door.infer(wire.SerializeToString()) == response
        finally:
            sys.setprofile(None)
        [sent, _] = door.records()

    assert len(parses) == 1, parses
    assert b'"max_tokens": 64' in sent.wire, "the policy's bound"


def limited(spec: dict[str, Any]) -> RegistryChanged:
    return asset("policy", "limits", {**spec, "input_bytes_max": 10_000})


def chain() -> RegistryChanged:
    return asset("chain", "qa", {"model": "qa@prod", "policy": "limits@prod", "nodes": [], "edges": []})
