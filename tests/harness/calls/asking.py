"""Asking the running gateway with stock clients, and keeping the request id it answers with."""

from __future__ import annotations

import dataclasses

import grpc
import numpy as np
import openai
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """An acknowledged answer."""

    request_id: str
    text: str


def text_input(name: str, text: str) -> triton.InferInput:
    """A BYTES tensor of shape [1], as Triton's vLLM backend takes it."""
    tensor = triton.InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([text], dtype=np.object_))
    return tensor


def ask_over_triton(
    address: str, question: str, *, model: str = "docs-qa", timeout_s: float = 30, **headers: str
) -> Asked:
    """One unary inference; the request id is read from the answer's metadata."""
    with grpc.insecure_channel(address) as channel:
        return ask_on(channel, question, model=model, timeout_s=timeout_s, **headers)


def ask_on(
    channel: grpc.Channel, question: str, *, model: str = "docs-qa", timeout_s: float = 30, **headers: str
) -> Asked:
    """One unary inference on an open channel."""
    message = service_pb2.ModelInferRequest(model_name=model)
    tensor = text_input("text_input", question)
    message.inputs.append(tensor._get_tensor())
    message.raw_input_contents.append(tensor._get_content())
    call = channel.unary_unary(
        "/inference.GRPCInferenceService/ModelInfer",
        request_serializer=service_pb2.ModelInferRequest.SerializeToString,
        response_deserializer=service_pb2.ModelInferResponse.FromString,
    )
    metadata = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    response, finished = call.with_call(message, timeout=timeout_s, metadata=metadata)
    told = {**dict(finished.initial_metadata()), **dict(finished.trailing_metadata())}
    text = triton.InferResult(response).as_numpy("text_output")[0].decode()
    return Asked(str(told["weir-request-id"]), text)


def openai_client(base_url: str, key: str, **options: object) -> openai.OpenAI:
    """The stock client, pointed at the gateway, without its own retries."""
    return openai.OpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0, **options)  # type: ignore[arg-type]  # keyword options of the stock client


def ask_over_openai(client: openai.OpenAI, question: str, *, model: str = "docs-qa", **headers: str) -> Asked:
    """One chat completion; the request id is read from the answer's headers."""
    raw = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        extra_headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    return Asked(raw.headers["weir-request-id"], raw.parse().choices[0].message.content or "")
