"""Building Open Inference Protocol requests for embeddings, and reading their answers."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from weir.access.refusals import Refusal
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.wire import packed

EMBEDDINGS_BATCH = 32
"""Texts of one request: the batch limit of the embedding model's configuration."""

FLOAT_BYTES = 4
"""Size of an FP32."""


def embeddings_requests(model: str, input_name: str, texts: Sequence[str], request_id: str) -> list[bytes]:
    """Requests for at most EMBEDDINGS_BATCH texts each."""
    starts = range(0, len(texts), EMBEDDINGS_BATCH)
    return [embeddings_request(model, input_name, texts[at : at + EMBEDDINGS_BATCH], request_id) for at in starts]


def embeddings_request(model: str, input_name: str, texts: Sequence[str], request_id: str) -> bytes:
    """One request for these texts; for all of them together it is what is recorded of the call."""
    message = service_pb2.ModelInferRequest(model_name=model, id=request_id)
    message.inputs.add(name=input_name, datatype="BYTES", shape=[len(texts), 1])
    message.raw_input_contents.append(packed(text.encode() for text in texts))
    return bytes(message.SerializeToString())


def demand_dimensions(resolved: Resolved, vectors: Sequence[bytes]) -> None:
    """Raises Refusal when an embedding has another size than the registry says of its model."""
    sizes = {len(vector) // FLOAT_BYTES for vector in vectors}
    if resolved.model.dimensions is not None and sizes - {resolved.model.dimensions}:
        lengths = ", ".join(map(str, sorted(sizes)))
        text = f"the model answered vectors of {lengths} numbers; the registry says {resolved.model.dimensions} (spec.dimensions)"
        raise Refusal("upstream_error", text)


def embeddings_of(response: bytes) -> list[bytes]:
    """Little-endian float32 bytes of each embedding in a response. Raises ValueError for a response without them."""
    try:
        message = service_pb2.ModelInferResponse.FromString(response)
    except DecodeError as error:
        raise ValueError("the model's answer cannot be read") from error
    for output, data in zip(message.outputs, message.raw_output_contents, strict=False):
        if output.datatype == "FP32" and len(output.shape) == 2:
            return _rows(data, [int(size) for size in output.shape])
    raise ValueError(f"the model answered no FP32 tensor of two dimensions; it answered: {_names(message.outputs)}")


def _rows(data: bytes, shape: Sequence[int]) -> list[bytes]:
    rows, columns = shape
    if rows < 0 or columns < 1 or len(data) != rows * columns * FLOAT_BYTES:
        raise ValueError(f"the model answered {len(data)} bytes for vectors of shape {list(shape)}")
    if not all(map(math.isfinite, struct.unpack(f"<{rows * columns}f", data))):
        raise ValueError("the model answered vectors that hold no finite numbers")
    size = columns * FLOAT_BYTES
    return [data[start : start + size] for start in range(0, len(data), size)]


def _names(outputs: Sequence[object]) -> str:
    return ", ".join(str(output.name) for output in outputs) or "nothing"  # type: ignore[attr-defined]  # protobuf without type stubs
