"""Building Open Inference Protocol requests for what came in over HTTP."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence

from tritonclient.grpc import service_pb2

EMBEDDINGS_BATCH = 32
"""Texts of one request: the batch limit of the embedding model's configuration."""


def chat_request(
    model: str, input_name: str, prompt: str, sampling: Mapping[str, object], *, is_stream: bool, request_id: str
) -> bytes:
    """A request with the tensor names of Triton's vLLM backend, one prompt."""
    message = service_pb2.ModelInferRequest(model_name=model, id=request_id)
    parameters = {
        ("max_tokens" if name == "max_completion_tokens" else name): value for name, value in sampling.items()
    }
    _add(message, input_name, "BYTES", [1], _bytes_tensor([prompt]))
    _add(message, "stream", "BOOL", [1], struct.pack("?", is_stream))
    _add(message, "sampling_parameters", "BYTES", [1], _bytes_tensor([json.dumps(parameters)]))
    _add(message, "exclude_input_in_output", "BOOL", [1], struct.pack("?", True))
    return bytes(message.SerializeToString())


def embeddings_requests(model: str, input_name: str, texts: Sequence[str], request_id: str) -> list[bytes]:
    """Requests for at most EMBEDDINGS_BATCH texts each."""
    found = []
    for start in range(0, len(texts), EMBEDDINGS_BATCH):
        part = texts[start : start + EMBEDDINGS_BATCH]
        message = service_pb2.ModelInferRequest(model_name=model, id=request_id)
        _add(message, input_name, "BYTES", [len(part), 1], _bytes_tensor(part))
        found.append(bytes(message.SerializeToString()))
    return found


def embeddings_of(response: bytes) -> list[bytes]:
    """Little-endian float32 bytes of each embedding in a response. Raises ValueError for a response without them."""
    message = service_pb2.ModelInferResponse.FromString(response)
    for index, output in enumerate(message.outputs):
        if output.datatype == "FP32" and len(output.shape) == 2:
            data, size = message.raw_output_contents[index], int(output.shape[1]) * 4
            return [data[start : start + size] for start in range(0, len(data), size)]
    raise ValueError("the model answered no FP32 tensor of two dimensions")


def _add(message: service_pb2.ModelInferRequest, name: str, datatype: str, shape: list[int], data: bytes) -> None:
    message.inputs.add(name=name, datatype=datatype, shape=shape)
    message.raw_input_contents.append(data)


def _bytes_tensor(values: Sequence[str]) -> bytes:
    encoded = [value.encode() for value in values]
    return b"".join(struct.pack("<I", len(value)) + value for value in encoded)
