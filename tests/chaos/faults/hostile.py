"""Calls whose bytes nobody can make an event of, by every way in: the drain goes on, for every other tenant.

One such call once stopped the drain for good, and with it every tenant's events.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import grpc
import httpx2
from tritonclient.grpc import service_pb2

from chaos.guests import second_gateway
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import row_of_calls
from harness.calls.asking import text_input
from harness.calls.callers import calling
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway
from harness.waiting import PATIENCE_S, eventually

PARAMETERS = (
    b"[" * 3_000,
    b'{"seed": true}',
    b'{"temperature": 1e400, "max_tokens": 99999999999999999999}',
    b'{"a": "\\ud800"}',
    b"\xff\xfe\x00",
    b"{" + b'"k": {' * 2_000,
    b"[" + b"null," * 100_000 + b"1]",
)
"""Texts of `sampling_parameters`: too deep, of other types, out of range, no UTF-8, no JSON, too many."""

BODIES = tuple(
    b'{"model": "docs-qa", "messages": [{"role": "user", "content": "What is a list?"}], ' + rest
    for rest in (
        b'"seed": true}',
        b'"seed": 1e400}',
        b'"user": "\\ud800"}',
        b'"metadata": ' + b"[" * 3_000,
        b'"temperature": NaN}',
    )
)
"""Bodies of the HTTP listener."""

WRONG_KEY = "weir_00000000_" + "x" * 43


def hostile_calls(stack: RunningStack, times: int) -> Row:
    """Every hostile call, with the right key, a wrong one and none, while others go on calling."""
    with second_gateway(stack, "hostile") as gateway:
        with calling(lambda: gateway.grpc_address) as calls:
            for _ in range(times):
                for key in (stack.api_key, WRONG_KEY, ""):
                    _knock(gateway, key)
                calls.more(20)
        row = row_of_calls(stack, "calls that are no event", times, calls.acknowledged)
        eventually(lambda: not gateway.spool_page()["backlog_bytes"], within_s=PATIENCE_S, what="an empty spool")
        return replace(row, problem=f"{calls.refused} good calls failed: {calls.refusals}" if calls.refused else "")


def _knock(gateway: SecondGateway, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for text in PARAMETERS:
            with suppress(grpc.RpcError):  # refused or answered: both are fine, the ledger is what counts
                infer(_request(text), timeout=30, metadata=tuple(headers.items()))
    with httpx2.Client(headers={**headers, "content-type": "application/json"}, timeout=30, trust_env=False) as client:
        for body in BODIES:
            client.post(f"{gateway.gateway.url}/v1/chat/completions", content=body)


def _request(parameters: bytes) -> bytes:
    message = service_pb2.ModelInferRequest(model_name="docs-qa")
    for name, content in (("text_input", b"What is a list?"), ("sampling_parameters", parameters)):
        tensor = text_input(name, "")
        message.inputs.append(tensor._get_tensor())
        message.raw_input_contents.append(len(content).to_bytes(4, "little") + content)
    return bytes(message.SerializeToString())
