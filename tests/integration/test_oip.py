"""The gateway's gRPC listener, judged by the stock Triton client and by Triton's own bytes."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from harness.calls.asking import ask_over_triton, text_input
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.stack
QUESTION = "How do I open a file for reading in Python?"


def raw_request(model: str, **inputs: str) -> Any:
    message = service_pb2.ModelInferRequest(model_name=model, id="same-id")
    for name, value in inputs.items():
        tensor = text_input(name, value)
        message.inputs.append(tensor._get_tensor())
        message.raw_input_contents.append(tensor._get_content())
    return message


def unary_bytes(address: str, message: Any) -> bytes:
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        return bytes(call(message.SerializeToString(), timeout=30))


def stream_bytes(address: str, message: Any) -> list[bytes]:
    with grpc.insecure_channel(address) as channel:
        call = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
        return [bytes(part) for part in call(iter([message.SerializeToString()]), timeout=30)]


def without_timings(data: bytes) -> bytes:
    """The message without its one output that holds clock readings, which no two runs share."""
    message = service_pb2.ModelInferResponse.FromString(data)
    for index, output in reversed(list(enumerate(message.outputs))):
        if output.name == "node_timings":
            del message.outputs[index]
            del message.raw_output_contents[index]
    return bytes(message.SerializeToString(deterministic=True))


def streamed_without_timings(data: bytes) -> bytes:
    message = service_pb2.ModelStreamInferResponse.FromString(data)
    return without_timings(message.infer_response.SerializeToString())


def assert_same_bytes(ask: Callable[[str], list[bytes]], stack: RunningStack) -> list[bytes]:
    """The bytes of a call through the gateway and of the same call to Triton are the same; they are returned.

    The last bit of a score depends on which texts Triton happened to embed in one batch (other tests' features are
    computed meanwhile), so a pair that differs is asked again: a gateway that changes a byte never gives an equal one.
    """
    pairs: list[tuple[list[bytes], list[bytes]]] = []

    def equal_pair() -> bool:
        pairs.append((ask(stack.gateway_grpc), ask(stack.triton_grpc)))
        return pairs[-1][0] == pairs[-1][1]

    eventually(equal_pair, within_s=PATIENCE_S, what="the same bytes through the gateway and from Triton")
    return pairs[-1][0]


@pytest.mark.capability("U1", is_check=True, clause="unary bytes")
def test_a_unary_inference_is_byte_for_byte_what_triton_answers(stack: RunningStack) -> None:
    message = service_pb2.ModelInferRequest(model_name="minilm", id="same-id")
    tensor = triton.InferInput("text", [1, 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[QUESTION]], dtype=np.object_))
    message.inputs.append(tensor._get_tensor())
    message.raw_input_contents.append(tensor._get_content())

    assert assert_same_bytes(lambda address: [unary_bytes(address, message)], stack) != [b""]


@pytest.mark.capability("U1", is_check=True, clause="unary bytes")
def test_an_answer_is_what_triton_answers(stack: RunningStack) -> None:
    message = raw_request("docs-qa", text_input=QUESTION)

    assert assert_same_bytes(lambda address: [without_timings(unary_bytes(address, message))], stack) != [b""]


@pytest.mark.capability("U1", is_check=True, clause="streamed bytes")
def test_a_stream_is_piece_for_piece_what_triton_streams(stack: RunningStack) -> None:
    message = raw_request("docs-qa-stream", text_input=QUESTION)
    stream = triton.InferInput("stream", [1], "BOOL")
    stream.set_data_from_numpy(np.array([True]))
    message.inputs.append(stream._get_tensor())
    message.raw_input_contents.append(stream._get_content())

    def pieces(address: str) -> list[bytes]:
        *parts, last = stream_bytes(address, message)
        return [*parts, streamed_without_timings(last)]

    assert len(assert_same_bytes(pieces, stack)) > 3


@pytest.mark.capability("U1", is_check=True, clause="stock client")
def test_the_stock_client_works_by_changing_host_and_port_alone(stack: RunningStack) -> None:
    for address in (stack.triton_grpc, stack.gateway_grpc):
        client = triton.InferenceServerClient(address)
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("docs-qa")
        assert client.get_model_metadata("docs-qa").name == "docs-qa"
        assert client.infer("docs-qa", [text_input("text_input", QUESTION)]).as_numpy("text_output") is not None
        client.close()


@pytest.mark.capability("U1")
async def test_the_stock_asynchronous_client_works(stack: RunningStack) -> None:
    async with triton_aio.InferenceServerClient(stack.gateway_grpc) as client:
        answers = await asyncio.gather(
            *(client.infer("docs-qa", [text_input("text_input", QUESTION)]) for _ in range(4))
        )

    assert len({answer.as_numpy("text_output")[0] for answer in answers}) == 1


@pytest.mark.capability("U1", is_check=True, clause="stock client, streaming")
def test_the_stock_client_streams(stack: RunningStack) -> None:
    pieces: queue.Queue[Any] = queue.Queue()
    client = triton.InferenceServerClient(stack.gateway_grpc)
    client.start_stream(lambda result, error: pieces.put((result, error)))
    stream = triton.InferInput("stream", [1], "BOOL")
    stream.set_data_from_numpy(np.array([True]))
    client.async_stream_infer(
        "docs-qa-stream", [text_input("text_input", QUESTION), stream], enable_empty_final_response=True
    )
    texts = []
    while True:
        result, error = pieces.get(timeout=30)
        assert error is None
        response = result.get_response()
        if result.as_numpy("text_output") is not None:
            texts.append(result.as_numpy("text_output")[0].decode())
        if response.parameters["triton_final_response"].bool_param:
            break
    client.stop_stream()
    client.close()

    assert "".join(texts) == ask_over_triton(stack.gateway_grpc, QUESTION).text


@pytest.mark.capability("X6")
@pytest.mark.parametrize(
    ("model", "inputs", "code"),
    [
        ("no-such-model", [text_input("text_input", "x")], "StatusCode.NOT_FOUND"),
        ("docs-qa", [text_input("wrong_name", "x")], "StatusCode.INVALID_ARGUMENT"),
        ("docs-qa", [triton.InferInput("text_input", [2, 3], "BYTES")], "StatusCode.INVALID_ARGUMENT"),
        ("docs-qa", [triton.InferInput("text_input", [1], "FP32")], "StatusCode.INVALID_ARGUMENT"),
    ],
    ids=["unknown model", "unknown input", "wrong shape", "wrong dtype"],
)
def test_bad_input_gets_a_clear_error_and_an_event(
    stack: RunningStack, model: str, inputs: list[Any], code: str
) -> None:
    for tensor in inputs:
        if tensor._get_content() is None:
            kind = np.object_ if tensor.datatype() == "BYTES" else np.float32
            tensor.set_data_from_numpy(np.full(tensor.shape(), "x" if kind is np.object_ else 1, dtype=kind))
    client = triton.InferenceServerClient(stack.gateway_grpc)
    before = stack.count("v_inference_responses", "outcome IN ('failed', 'refused')")

    with pytest.raises(InferenceServerException) as raised:
        client.infer(model, inputs)
    client.close()

    assert raised.value.status() == code
    assert len(raised.value.message()) > 20
    stack.until_count("v_inference_responses", "outcome IN ('failed', 'refused')", before + 1)


def test_a_request_with_two_model_names_asks_the_one_that_was_checked(stack: RunningStack) -> None:
    message = b"\x0a\x06minilm" + raw_request("docs-qa", text_input=QUESTION).SerializeToString()
    with grpc.insecure_channel(stack.gateway_grpc) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        answer, finished = call.with_call(message, timeout=30)
    request_id = dict(finished.initial_metadata())["weir-request-id"]

    assert service_pb2.ModelInferResponse.FromString(answer).model_name == "docs-qa"
    assert stack.request(request_id)["model"] == "docs-qa"


@pytest.mark.parametrize(
    ("option", "word"),
    [({"model_version": "1"}, "model_version"), ({"priority": 1}, "priority"), ({"sequence_id": 7}, "sequence_end"),
     ({"parameters": {"steer": "x"}}, "steer")],
    ids=["version", "priority", "sequence", "own parameter"],
)  # fmt: skip
def test_what_steers_the_server_is_refused_by_name(stack: RunningStack, option: dict[str, Any], word: str) -> None:
    client = triton.InferenceServerClient(stack.gateway_grpc)
    with pytest.raises(InferenceServerException, match=word) as raised:
        client.infer("docs-qa", [text_input("text_input", QUESTION)], **option)
    client.close()

    assert raised.value.status() == "StatusCode.INVALID_ARGUMENT"


GOVERNING = (
    "RepositoryModelLoad",
    "RepositoryModelUnload",
    "SystemSharedMemoryRegister",
    "LogSettings",
    "TraceSetting",
    "ModelConfig",
)
"""RPCs that change or inspect the server itself."""


@pytest.mark.parametrize("method", GOVERNING)
def test_what_governs_the_server_is_not_forwarded(stack: RunningStack, method: str) -> None:
    with grpc.insecure_channel(stack.gateway_grpc) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = getattr(service_pb2, f"{method}Request")()
        with pytest.raises(grpc.RpcError) as raised:
            getattr(stub, method)(request, timeout=10)

    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
