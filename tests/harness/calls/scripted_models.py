"""Models of a Triton server inside the test process: other people's tensor names and habits, over real gRPC.

Each is written as its kind behaves in the wild; the questions a test asks decide what it says.
"""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2

SERVICE = "inference.GRPCInferenceService"
NUMPY_FREE_FORMATS = {"UINT32": "I", "INT32": "i", "FP32": "f", "BOOL": "?"}

Tensors = dict[str, tuple[str, list[Any]]]
"""Name -> (datatype, values) of one response."""

Inputs = Mapping[str, list[Any]]
"""Name -> values of one request."""


@dataclass(frozen=True, slots=True)
class ScriptedModel:
    """A model: what it declares and what it answers."""

    inputs: Mapping[str, tuple[str, list[int]]]
    answers: Callable[[Inputs], Iterable[Tensors]]
    """Responses to one request, in order."""


VLLM_STYLE: Mapping[str, tuple[str, list[int]]] = {
    "text_input": ("BYTES", [1]),
    "stream": ("BOOL", [1]),
    "sampling_parameters": ("BYTES", [1]),
    "exclude_input_in_output": ("BOOL", [1]),
}


def _echo(inputs: Inputs) -> Iterable[Tensors]:
    yield {"text_output": ("BYTES", list(inputs["text_input"]))}


def _pieces(inputs: Inputs) -> Iterable[Tensors]:
    """Three bytes a piece: cuts characters."""
    text = inputs["text_input"][0]
    for at in range(0, len(text), 3):
        yield {"text_output": ("BYTES", [text[at : at + 3]])}


def _vllm(inputs: Inputs) -> Iterable[Tensors]:
    """Facts only where they are asked for, 16 words unless told otherwise, as Triton's vLLM backend."""
    asked = json.loads(inputs.get("sampling_parameters", [b"{}"])[0])
    words = [f" w{number}".encode() for number in range(int(asked.get("max_tokens", 16)))]
    groups = [[word] for word in words] if inputs.get("stream", [False])[0] else [words]
    for place, group in enumerate(groups):
        found: Tensors = {"text_output": ("BYTES", [b"".join(group)])}
        if inputs.get("return_finish_reason", [False])[0]:
            found["finish_reason"] = ("BYTES", [b"length" if place == len(groups) - 1 else b"None"])
        if inputs.get("return_num_input_tokens", [False])[0]:
            found["num_input_tokens"] = ("UINT32", [len(inputs["text_input"][0].split())])
        if inputs.get("return_num_output_tokens", [False])[0]:
            found["num_output_tokens"] = ("UINT32", [len(group)])
        yield found


def _trt(inputs: Inputs) -> Iterable[Tensors]:
    if "max_tokens" not in inputs:
        raise ValueError("expected 2 inputs but got 1 inputs for model 'trt'. Got input(s) ['text_input']")
    yield {"text_output": ("BYTES", [f"at most {inputs['max_tokens'][0]}".encode()])}


def _vectors(inputs: Inputs) -> Iterable[Tensors]:
    yield {"embedding": ("FP32", [float(len(text)) for text in inputs["text"] for _ in range(2)])}


class BrokenOff(Exception):
    """A model that fails before its answer is whole."""


def _breaks_off(_: Inputs) -> Iterable[Tensors]:
    """Two pieces, and a failure where the third would be."""
    for text in (b"Half an ", b"answer"):
        yield {"text_output": ("BYTES", [text])}
    raise BrokenOff("out of memory in the middle")


def _constant(**tensors: tuple[str, list[Any]]) -> Callable[[Inputs], Iterable[Tensors]]:
    return lambda _: [tensors]


MODELS: Mapping[str, ScriptedModel] = {
    "echo": ScriptedModel(VLLM_STYLE, _echo),
    "bare": ScriptedModel({"text_input": ("BYTES", [1])}, _echo),
    "say-bytes": ScriptedModel(VLLM_STYLE, _pieces),
    "hf-text": ScriptedModel(VLLM_STYLE, _constant(text=("BYTES", [b"forty-two"]))),
    "no-text": ScriptedModel(VLLM_STYLE, _constant(logits=("FP32", [0.5]))),
    "nothing": ScriptedModel(VLLM_STYLE, _constant()),
    "number": ScriptedModel(VLLM_STYLE, _constant(text_output=("FP32", [1.0]))),
    "breaks-off": ScriptedModel(VLLM_STYLE, _breaks_off),
    "half": ScriptedModel(VLLM_STYLE, _constant(text_output=("BYTES", ["ab👍".encode()[:-1]]))),
    "lines": ScriptedModel(VLLM_STYLE, _constant(text_output=("BYTES", ["a\u2028b\u0085c\u2029d\x0be".encode()]))),
    "two-texts": ScriptedModel(VLLM_STYLE, _constant(a=("BYTES", [b"x"]), b=("BYTES", [b"y"]))),
    "beams": ScriptedModel(VLLM_STYLE, _constant(text_output=("BYTES", [b"x", b"y"]))),
    "vllm": ScriptedModel(
        {
            **VLLM_STYLE,
            **{
                f"return_{name}": ("BOOL", [1]) for name in ("finish_reason", "num_input_tokens", "num_output_tokens")
            },
        },
        _vllm,
    ),
    "trt": ScriptedModel(
        {"text_input": ("BYTES", [-1, 1]), "max_tokens": ("INT32", [-1, 1]), "temperature": ("FP32", [-1, 1]),
         "random_seed": ("UINT64", [-1, 1]), "stop_words": ("BYTES", [-1, -1]), "stream": ("BOOL", [-1, 1])},
        _trt,
    ),
    "vectors": ScriptedModel({"text": ("BYTES", [-1, 1])}, _vectors),
}  # fmt: skip


@dataclass(slots=True)
class ScriptedTriton:
    """The server; `async with` starts and stops it."""

    models: Mapping[str, ScriptedModel] = field(default_factory=lambda: MODELS)
    requests: list[Any] = field(default_factory=list)
    """Every ModelInferRequest that arrived."""
    metadata: list[dict[str, str]] = field(default_factory=list)
    """gRPC metadata of each."""
    address: str = ""
    _server: Any = None

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, self._handlers()),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)

    def _handlers(self) -> dict[str, Any]:
        return {
            "ModelMetadata": grpc.unary_unary_rpc_method_handler(self._metadata),
            "ModelInfer": grpc.unary_unary_rpc_method_handler(self._infer),
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(self._stream),
        }

    async def _metadata(self, wire: bytes, context: Any) -> bytes:
        name = service_pb2.ModelMetadataRequest.FromString(wire).name
        if name not in self.models:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{name}' is not found")
        answer = service_pb2.ModelMetadataResponse(name=name)
        for tensor, (datatype, shape) in self.models[name].inputs.items():
            answer.inputs.add(name=tensor, datatype=datatype, shape=shape)
        return bytes(answer.SerializeToString())

    async def _infer(self, wire: bytes, context: Any) -> bytes:
        try:
            [answer] = list(self._answers(wire, context))
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except BrokenOff as error:
            await context.abort(grpc.StatusCode.INTERNAL, str(error))
        return bytes(answer.SerializeToString())

    async def _stream(self, wires: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for wire in wires:
            try:
                for answer in self._answers(wire, context):
                    yield service_pb2.ModelStreamInferResponse(infer_response=answer).SerializeToString()
            except BrokenOff as error:  # as Triton tells it: a message with the error, in the stream
                yield service_pb2.ModelStreamInferResponse(error_message=str(error)).SerializeToString()

    def _answers(self, wire: bytes, context: Any) -> Iterator[Any]:
        request = service_pb2.ModelInferRequest.FromString(wire)
        self.requests.append(request)
        self.metadata.append({key: value for key, value in context.invocation_metadata() if isinstance(value, str)})
        inputs = inputs_of(request)
        return (_response(request, tensors) for tensors in self.models[request.model_name].answers(inputs))


def inputs_of(request: Any) -> dict[str, list[Any]]:
    """Values of a request's tensors."""
    pairs = zip(request.inputs, request.raw_input_contents, strict=True)
    return {tensor.name: _values(tensor.datatype, raw) for tensor, raw in pairs}


def _values(datatype: str, raw: bytes) -> list[Any]:
    if datatype != "BYTES":
        code = {**NUMPY_FREE_FORMATS, "UINT64": "Q"}[datatype]
        return list(struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw))
    found, place = [], 0
    while place < len(raw):
        (size,) = struct.unpack_from("<I", raw, place)
        found.append(raw[place + 4 : place + 4 + size])
        place += 4 + size
    return found


def _response(request: Any, tensors: Tensors) -> Any:
    answer = service_pb2.ModelInferResponse(model_name=request.model_name, id=request.id)
    for name, (datatype, values) in tensors.items():
        rows = len(inputs_of(request).get("text", ())) if name == "embedding" else 0
        shape = [rows, len(values) // rows] if rows else [len(values)]
        answer.outputs.add(name=name, datatype=datatype, shape=shape)
        if datatype == "BYTES":
            answer.raw_output_contents.append(b"".join(struct.pack("<I", len(value)) + value for value in values))
        else:
            answer.raw_output_contents.append(struct.pack(f"<{len(values)}{NUMPY_FREE_FORMATS[datatype]}", *values))
    return answer
