"""Reading Open Inference Protocol messages: the texts and facts inside the bytes that went over the wire.

Used by the drain, never on the hot path. Total: bytes that are no such message give empty texts, because a client may
send anything and its call is an event all the same.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

LENGTH = struct.Struct("<I")
"""Length before each element of a BYTES tensor in raw form (Triton binary tensor data extension)."""

INPUT_NAMES = ("text_input", "text")
"""Names of the text input, in order of preference: Triton's vLLM backend, then our embedding model."""

Tensors = Mapping[str, tuple[str | int | float | bool, ...]]

FORMATS = {"FP32": "f", "INT32": "i", "INT64": "q", "BOOL": "?"}
"""struct codes of the numeric types whose values are read; tensors of other types are left out."""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a request message says."""

    text: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Sampling parameters, as the JSON in `sampling_parameters`."""
    client_request_id: str = ""


def read_request(wire: bytes) -> RequestFacts:
    """Facts of a ModelInferRequest."""
    try:
        message = service_pb2.ModelInferRequest.FromString(wire)
    except DecodeError:
        return RequestFacts()
    tensors = _tensors(message.inputs, message.raw_input_contents)
    name = next((name for name in INPUT_NAMES if name in tensors), "")
    text = "\n".join(str(part) for part in tensors.get(name, ()))
    return RequestFacts(text, _json_object(first_text(tensors, "sampling_parameters")), message.id)


def read_responses(responses: Iterable[bytes], *, is_stream: bool) -> list[Tensors]:
    """Tensors of each response message that holds any, in order."""
    found = []
    for data in responses:
        try:
            if is_stream:
                message = service_pb2.ModelStreamInferResponse.FromString(data).infer_response
            else:
                message = service_pb2.ModelInferResponse.FromString(data)
        except DecodeError:
            continue
        if message.outputs:
            found.append(_tensors(message.outputs, message.raw_output_contents))
    return found


def unwrapped(stream_response: bytes) -> bytes:
    """The ModelInferResponse inside a ModelStreamInferResponse message."""
    message = service_pb2.ModelStreamInferResponse.FromString(stream_response)
    return bytes(message.infer_response.SerializeToString())


def merged(tensors: Sequence[Tensors]) -> Tensors:
    """One view over all messages of a stream: the last one that names a tensor wins."""
    found: dict[str, tuple[str | int | float | bool, ...]] = {}
    for tensor in tensors:
        found.update({name: values for name, values in tensor.items() if values})
    return found


def first_text(tensors: Tensors, name: str) -> str:
    """First element of a BYTES tensor as text; empty when the tensor is not there."""
    values = tensors.get(name, ())
    return str(values[0]) if values else ""


def first_number(tensors: Tensors, name: str) -> int | None:
    """First element of a numeric tensor; None when the tensor is not there."""
    values = tensors.get(name, ())
    return int(values[0]) if values and not isinstance(values[0], str) else None


def json_objects(text: str) -> list[Mapping[str, object]]:
    """The objects of a JSON list; empty for anything else, since what a model writes about itself is only a hint."""
    try:
        value = json.loads(text) if text else []
    except ValueError:
        return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _json_object(text: str) -> Mapping[str, object]:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _tensors(described: Sequence[object], raw: Sequence[bytes]) -> Tensors:
    found: dict[str, tuple[str | int | float | bool, ...]] = {}
    for index, tensor in enumerate(described):
        values = _raw(tensor, raw[index]) if index < len(raw) else _contents(tensor)
        if values is not None:
            found[str(tensor.name)] = values  # type: ignore[attr-defined]  # protobuf message without type stubs
    return found


def _raw(tensor: object, data: bytes) -> tuple[str | int | float | bool, ...] | None:
    datatype = str(tensor.datatype)  # type: ignore[attr-defined]  # protobuf message without type stubs
    if datatype == "BYTES":
        return tuple(_texts(data))
    code = FORMATS.get(datatype)
    if code is None:
        return None
    size = struct.calcsize(f"<{code}")
    return struct.unpack(f"<{len(data) // size}{code}", data[: len(data) // size * size])


def _texts(data: bytes) -> Iterable[str]:
    place = 0
    while place + LENGTH.size <= len(data):
        (size,) = LENGTH.unpack_from(data, place)
        yield data[place + LENGTH.size : place + LENGTH.size + size].decode("utf-8", "replace")
        place += LENGTH.size + size


def _contents(tensor: object) -> tuple[str | int | float | bool, ...] | None:
    contents = tensor.contents  # type: ignore[attr-defined]  # protobuf message without type stubs
    if contents.bytes_contents:
        return tuple(value.decode("utf-8", "replace") for value in contents.bytes_contents)
    for values in (contents.fp32_contents, contents.int_contents, contents.int64_contents, contents.bool_contents):
        if values:
            return tuple(values)
    return None
