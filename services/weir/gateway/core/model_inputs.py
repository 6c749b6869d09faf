"""What a model of the server takes in, as its metadata says, and tensors made for it.

Invariant (K13): a model is sent what it has an input for; a parameter it has none for is refused by name, never dropped.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from weir.access.refusals import Refusal
from weir.gateway.core.answer_bound import bounded
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.openai_request import Options
from weir.gateway.core.wire import FORMATS, OPENAI_NAMES, packed

REPORT_FLAGS = ("return_finish_reason", "return_num_input_tokens", "return_num_output_tokens")
"""Inputs by which Triton's vLLM backend is asked to say why it stopped and what it counted."""

Value = str | bool | int | float | list[str]


@dataclass(frozen=True, slots=True)
class Input:
    """An input as the model declares it."""

    datatype: str
    shape: tuple[int, ...]
    """-1 where any size is taken; with the batch dimension where the model batches."""


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """The inputs of a model by name."""

    model: str
    inputs: Mapping[str, Input]


def read_metadata(response: bytes) -> ModelInputs:
    """The inputs in a ModelMetadataResponse. Raises Refusal("upstream_error") for bytes that are none."""
    try:
        message = service_pb2.ModelMetadataResponse.FromString(response)
    except DecodeError as error:
        raise Refusal("upstream_error", "the model server's answer about its model cannot be read") from error
    found = {tensor.name: Input(tensor.datatype, tuple(tensor.shape)) for tensor in message.inputs}
    return ModelInputs(message.name, found)


def generation_request(
    known: ModelInputs, resolved: Resolved, asked: Options, prompt: str, *, request_id: str
) -> bytes:
    """A request for one answer to one prompt, with the inputs this model has of Triton's vLLM backend and TensorRT-LLM.

    The policy's bound goes with it where the client asks for no length. Raises Refusal naming the sampling parameter that the
    model has no input for.
    """
    text_name, sampling = resolved.model.text_tensor, bounded(resolved.policy, asked.sampling)
    if text_name not in known.inputs:
        names = ", ".join(sorted(known.inputs)) or "none"
        raise Refusal("upstream_error", f"model {known.model!r} has no input {text_name!r}; it has: {names}")
    values: dict[str, Value] = {text_name: prompt}
    optional: dict[str, Value] = {
        "stream": asked.is_stream,
        "exclude_input_in_output": True,
        **dict.fromkeys(REPORT_FLAGS, True),
    }
    values |= {name: value for name, value in optional.items() if name in known.inputs}
    message = service_pb2.ModelInferRequest(model_name=known.model, id=request_id)
    for name, value in (values | _sampling(known, sampling)).items():
        shape, data = _tensor(name, known.inputs[name], value)
        message.inputs.add(name=name, datatype=known.inputs[name].datatype, shape=shape)
        message.raw_input_contents.append(data)
    return bytes(message.SerializeToString())


def _sampling(known: ModelInputs, sampling: Mapping[str, Value]) -> dict[str, Value]:
    """Sampling parameters by the input that takes them: all in one JSON text, or each in a tensor of its own."""
    if "sampling_parameters" in known.inputs:
        return {"sampling_parameters": json.dumps(sampling)}
    found: dict[str, Value] = {}
    for name, value in sampling.items():
        own = next(
            (one for one in (name, *OPENAI_NAMES) if OPENAI_NAMES.get(one, one) == name and one in known.inputs), None
        )
        if own is None:
            raise Refusal("invalid_request", f"model {known.model!r} has no input for {name}; leave it out", field=name)
        found[own] = value
    return found


def _tensor(name: str, declared: Input, value: Value) -> tuple[list[int], bytes]:
    """Shape and raw content. Raises Refusal for a value that the declared type or shape cannot hold."""
    values: Sequence[str | bool | int | float] = value if isinstance(value, list) else [value]
    shape = [1 if size < 0 else size for size in declared.shape] or [1]
    if declared.shape and declared.shape[-1] < 0:
        shape[-1] = len(values)
    try:
        if math.prod(shape) != len(values):
            raise ValueError(f"{len(values)} values do not fill its shape {list(declared.shape)}")
        if declared.datatype == "BYTES":
            return shape, packed(_bytes(one) for one in values)
        return shape, struct.pack(f"<{len(values)}{FORMATS[declared.datatype]}", *values)
    except (ValueError, KeyError, struct.error, TypeError, OverflowError) as error:
        field = OPENAI_NAMES.get(name, name)
        text = f"{field}: the model takes {declared.datatype}, which cannot hold it ({error})"
        raise Refusal("invalid_request", text, field=field) from error


def _bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} is no text")
    return value.encode()
