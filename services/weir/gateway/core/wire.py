"""Reading Open Inference Protocol messages: the texts and facts inside the bytes that went over the wire.

Used by the drain, never on the hot path. Total: bytes that are no such message give empty texts, because a client may
send anything and its call is an event all the same.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from weir.events.loose_json import carried, loose_json

TENSORS_MAX = 256
"""Tensors read of a message. Chosen: models have a dozen; two bytes of a message are an empty one."""

PARAMETER_BYTES_MAX = 131_072
"""Bytes of tensors that are read for a policy, in all: sampling parameters of a batch of 1,024 prompts, 128 bytes each. As
much JSON is read in 20 to 50 ms, measured, where 8 MB of empty lists take 2.7 s."""

SAMPLING = "sampling_parameters"
"""Input tensor that carries sampling parameters as JSON, as in Triton's vLLM backend."""

LENGTH = struct.Struct("<I")
"""Length before each element of a BYTES tensor in raw form (Triton binary tensor data extension)."""

OPENAI_NAMES: Mapping[str, str] = {"random_seed": "seed", "stop_words": "stop"}
"""Names of TensorRT-LLM's own tensors -> OpenAI's name of the parameter, where they differ."""

INPUT_NAMES = ("text_input", "text")
"""Names of the text input, in order of preference: Triton's vLLM backend, then our embedding model. A request without them
has one text that is no parameter."""

PARAMETER_NAMES = (
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "random_seed",
    "stop",
    "stop_words",
    "presence_penalty",
    "frequency_penalty",
)
"""Inputs that are sampling parameters of their own: TensorRT-LLM's models take no `sampling_parameters`."""

NO_TEXT_INPUTS = frozenset({SAMPLING, *PARAMETER_NAMES, "bad_words", "lora_name"})
"""Text inputs that are not the prompt."""

SWITCHES = frozenset(
    {
        SAMPLING,
        "stream",
        "exclude_input_in_output",
        "return_finish_reason",
        "return_num_input_tokens",
        "return_num_output_tokens",
    }
)
"""Inputs that say how an answer is sent, not what is asked of the model."""

Values = tuple[bytes | int | float | bool, ...]

Tensors = Mapping[str, Values]
"""Tensors by name. Texts are bytes: a piece of a stream may end inside a character."""

FORMATS = {
    "FP32": "f",
    "FP64": "d",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "BOOL": "?",
}
"""struct codes of the numeric types whose values are read; tensors of other types are left out."""

REMEMBERED, REMEMBERED_BYTES_MAX = 256, 16_384
"""Requests whose facts are kept, and bytes of one at most: more calls than a gateway holds at once in most deployments, in about
12 MB with their texts. Arbitrary; any numbers from 64 to 1,024 would do. Reading one again takes 7 to 18 us, measured."""

COUNT_MAX = 2**31 - 1
"""Largest count an event carries: Avro's int."""


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a request message says."""

    text: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Sampling parameters, as the JSON in `sampling_parameters`."""
    parameters_json: str = "{}"
    """The same as JSON text, sorted by name."""
    client_request_id: str = ""


def read_request(wire: bytes) -> RequestFacts:
    """Facts of a ModelInferRequest. The two records of a call hold the same one: unless it is large, it is read once."""
    return _read_small(wire) if len(wire) <= REMEMBERED_BYTES_MAX else _read_request(wire)


def _read_request(wire: bytes) -> RequestFacts:
    try:
        message = service_pb2.ModelInferRequest.FromString(wire)
    except DecodeError:
        return RequestFacts()
    tensors = _tensors(message.inputs, message.raw_input_contents)
    name = text_among(tensors, INPUT_NAMES, NO_TEXT_INPUTS) or ""
    own = {name: carried(_plain(tensors[name])) for name in PARAMETER_NAMES if name in tensors}
    parameters = {**_json_object(first_text(tensors, SAMPLING)), **own}
    parameters_json = json.dumps(parameters, sort_keys=True) if parameters else "{}"
    return RequestFacts("\n".join(texts_of(tensors, name)), parameters, parameters_json, message.id)


_read_small = lru_cache(REMEMBERED)(_read_request)


def parameters_of(message: service_pb2.ModelInferRequest) -> dict[str, object] | None:
    """What a request of the Open Inference Protocol asks beside its text: each entry of `sampling_parameters`, and each
    other input by its name. None where `sampling_parameters` is there and no JSON object, or over PARAMETER_BYTES_MAX, so that
    nobody can say.
    """
    names = {str(tensor.name) for tensor in message.inputs} - SWITCHES - set(INPUT_NAMES)
    tensors, large = _small_tensors(message, names | {SAMPLING})
    own = {name: _plain(tensors[name]) if name in tensors else "unreadable" for name in names}
    if SAMPLING in large:
        return None
    given = first_text(tensors, SAMPLING)
    try:
        value = json.loads(given) if given else {}
    except (ValueError, RecursionError):
        return None
    return {**value, **own} if isinstance(value, dict) else None


def _small_tensors(message: service_pb2.ModelInferRequest, names: Collection[str]) -> tuple[Tensors, set[str]]:
    """The tensors of these names that are small enough together to be parameters, and the names of those that are not."""
    found, large, left = dict[str, Values](), set[str](), PARAMETER_BYTES_MAX
    for index, tensor in enumerate(message.inputs[:TENSORS_MAX]):
        raw = message.raw_input_contents[index : index + 1]
        if tensor.name not in names:
            continue
        size_bytes = tensor.ByteSize() + sum(map(len, raw))
        if size_bytes <= left:
            left -= size_bytes
            found.update(_tensors([tensor], raw))
        else:
            large.add(str(tensor.name))
    return {name: values for name, values in found.items() if name not in large}, large


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
            found.append(tensors_of(message))
    return found


def tensors_of(response: service_pb2.ModelInferResponse) -> Tensors:
    """The tensors of a response that was parsed before; none where it holds none."""
    return _tensors(response.outputs, response.raw_output_contents)


def packed(texts: Iterable[bytes]) -> bytes:
    """The raw contents of a BYTES tensor with these elements."""
    return b"".join(LENGTH.pack(len(text)) + text for text in texts)


def merged(tensors: Sequence[Tensors]) -> Tensors:
    """One view over all messages of a stream: the last one that names a tensor wins."""
    found: dict[str, Values] = {}
    for tensor in tensors:
        found.update({name: values for name, values in tensor.items() if values})
    return found


def text_among(tensors: Tensors, names: Sequence[str], others: Collection[str]) -> str | None:
    """Name of the tensor that holds the text: the first of `names` there is, else the only BYTES tensor not in `others`."""
    for name in names:
        if name in tensors and _is_text(tensors[name]):
            return name
    rest = [name for name, values in tensors.items() if values and name not in others and _is_text(values)]
    return rest[0] if len(rest) == 1 else None


def _is_text(values: Values) -> bool:
    return set(map(type, values)) <= {bytes}


def texts_of(tensors: Tensors, name: str) -> tuple[str, ...]:
    """The elements of a BYTES tensor as texts; none when there is no such tensor."""
    return tuple([value.decode("utf-8", "replace") for value in tensors.get(name, ()) if isinstance(value, bytes)])


def first_text(tensors: Tensors, name: str) -> str:
    """First element of a BYTES tensor as text; empty when the tensor is not there."""
    for value in tensors.get(name, ()):
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
    return ""


def first_number(tensors: Tensors, name: str) -> int | None:
    """First element of a tensor that counts; None when the tensor is not there or counts nothing an event can carry."""
    values = tensors.get(name)
    value = values[0] if values else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX else None


def _json_object(text: str) -> Mapping[str, object]:
    value = loose_json(text)
    return value if isinstance(value, dict) else {}


def _plain(values: Values) -> object:
    """The values as JSON has them: one alone, several in a list."""
    plain = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
    return plain[0] if len(plain) == 1 else plain


def _tensors(described: Sequence[object], raw: Sequence[bytes]) -> Tensors:
    found: dict[str, Values] = {}
    for index, tensor in enumerate(described[:TENSORS_MAX]):
        values = _raw(tensor, raw[index]) if index < len(raw) else _contents(tensor)
        if values is not None:
            found[str(tensor.name)] = values  # type: ignore[attr-defined]  # protobuf message without type stubs
    return found


def _raw(tensor: object, data: bytes) -> Values | None:
    datatype = str(tensor.datatype)  # type: ignore[attr-defined]  # protobuf message without type stubs
    if datatype == "BYTES":
        return tuple(_texts(data))
    code = FORMATS.get(datatype)
    if code is None:
        return None
    size = struct.calcsize(f"<{code}")
    return struct.unpack(f"<{len(data) // size}{code}", data[: len(data) // size * size])


def _texts(data: bytes) -> list[bytes]:
    found, position = [], 0
    while position + LENGTH.size <= len(data):
        (size,) = LENGTH.unpack_from(data, position)
        found.append(data[position + LENGTH.size : position + LENGTH.size + size])
        position += LENGTH.size + size
    return found


def _contents(tensor: object) -> Values | None:
    contents = tensor.contents  # type: ignore[attr-defined]  # protobuf message without type stubs
    if contents.bytes_contents:
        return tuple(contents.bytes_contents)
    for kind in ("fp32", "fp64", "int", "int64", "uint", "uint64", "bool"):
        values = getattr(contents, f"{kind}_contents")
        if values:
            return tuple(values)
    return None
