"""The bound of an answer: what a policy says of its length goes upstream with every call, also where the caller says nothing.

Invariant: no generation goes upstream without a bound of its tokens where the route's policy has one, and no part of a batch
is looked at less than the first. `policy` checks what a caller asks; this adds what a caller leaves out, because a model's own
default may be above what the policy allows. What is added follows the elements that came, at most ELEMENTS_MAX, and never the
shape that a caller writes down.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tritonclient.grpc import service_pb2

from weir.access.refusals import Refusal, cut
from weir.assets.policy import Policy
from weir.assets.sampling import ALIASES, OUTPUT_TOKENS, canonical
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.peek import Peeked
from weir.gateway.core.policy import demand_parameters, limits_parameters
from weir.gateway.core.wire import FORMATS, PARAMETER_BYTES_MAX, SAMPLING, packed

BOUNDS = frozenset({OUTPUT_TOKENS, "request_output_len", *ALIASES})
"""Input tensors that carry the bound alone, as in Triton's TensorRT-LLM backend."""

INTEGERS = {datatype: f"<{code}" for datatype, code in FORMATS.items() if "INT" in datatype}
"""Formats of whole numbers in a tensor's raw bytes."""

ELEMENTS_MAX = 1_024
"""Elements of one tensor that are read or added here. A model server takes batches of some hundred prompts at most; as many
bounds are 30 KB, and are read in a few milliseconds."""

SIZES_SHOWN_MAX = 8
"""Sizes of a shape that an error names. Tensors of these models have one or two."""


def bounded(policy: Policy, sampling: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with the policy's bound where they name none. sampling: checked before, or by the same admission."""
    found = {name: value for name, value in sampling.items() if value is not None}
    if policy.output_tokens_max is not None and not any(canonical(name) == OUTPUT_TOKENS for name in found):
        found[OUTPUT_TOKENS] = policy.output_tokens_max
    return found


def bounded_request(resolved: Resolved, asked: Peeked) -> Peeked:
    """A ModelInferRequest within the policy in all parts of its batch, with the bound it lacks. Raises Refusal.

    Its parameters have one meaning, with a policy and without one: a text of them that gives a key twice is refused.
    asked: its message is changed in place. Measured: 2 us without such a policy, 14 us where five
    parameters are given besides, 12 to 28 us with a policy.
    """
    policy, message = resolved.policy, asked.request
    has_policy = resolved.model.task == "chat" and limits_parameters(policy)
    places = [index for index, tensor in enumerate(message.inputs) if tensor.name == SAMPLING]
    if not has_policy:
        places = [index for index in places if message.inputs[index].datatype == "BYTES"]
    if not places and not has_policy:
        return asked
    raws, inputs = len(message.raw_input_contents), len(message.inputs)
    if raws and raws != inputs:
        problem = f"the request has {raws} raw contents for {inputs} inputs; send one for each input, or none"
        raise Refusal("invalid_request", problem, field="raw_input_contents")
    given = {index: [_value(text) for text in texts] for index, texts in _sampling_texts(message, places).items()}
    if not has_policy:
        return asked
    has_bound = False
    for index, tensor in enumerate(message.inputs):
        if tensor.name in BOUNDS:
            has_bound = True
            for value in _integers(message, index):
                demand_parameters(policy, resolved.route, {OUTPUT_TOKENS: value})
    for index, found in given.items():
        _put(message, index, [_limited(value, resolved, has_bound=has_bound) for value in found])
    if not places and not has_bound and policy.output_tokens_max is not None:
        _add(message, resolved)
    return replace(asked, wire=bytes(message.SerializeToString()))


def _sampling_texts(message: service_pb2.ModelInferRequest, places: Sequence[int]) -> dict[int, Sequence[bytes]]:
    """The texts of these tensors of parameters. Raises Refusal for more bytes than are read."""
    texts = {index: _texts(message, index) for index in places}
    if sum(len(text) for found in texts.values() for text in found) > PARAMETER_BYTES_MAX:
        problem = f"the texts of {SAMPLING} have over {PARAMETER_BYTES_MAX:,} bytes in all; send less"
        raise Refusal("invalid_request", problem, field=SAMPLING)
    return texts


def _value(text: bytes) -> object:
    """What a text of parameters says; None for no JSON. Raises Refusal for a key given twice."""
    try:
        return DECODER.decode(text.decode()) if text.strip() else {}
    except (ValueError, RecursionError):
        return None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        problem = f"{SAMPLING} gives the key {cut(twice)!r} twice; keep one"
        raise Refusal("invalid_request", problem, field=SAMPLING)
    return found


DECODER = json.JSONDecoder(object_pairs_hook=_distinct)
"""Made once: to make one takes longer than to read the parameters of a call."""


def _limited(sampling: object, resolved: Resolved, *, has_bound: bool) -> bytes:
    if not isinstance(sampling, dict):
        problem = f"{SAMPLING} is no JSON object; the policy of the route must read it"
        raise Refusal("invalid_request", problem, field=SAMPLING)
    given = {name: value for name, value in sampling.items() if value is not None}
    plain = {name: value for name, value in given.items() if name not in ALIASES}
    demand_parameters(resolved.policy, resolved.route, plain)
    for name in ALIASES.keys() & given:
        demand_parameters(resolved.policy, resolved.route, {canonical(name): given[name]})
    return json.dumps(given if has_bound else bounded(resolved.policy, given)).encode()


def _add(message: service_pb2.ModelInferRequest, resolved: Resolved) -> None:
    """The bound as a tensor of the prompts' shape; a model that takes none refuses the call, which cannot be kept bounded."""
    at = next((index for index, tensor in enumerate(message.inputs) if tensor.name == resolved.model.text_tensor), None)
    shape, count = ([1], 1) if at is None else (list(message.inputs[at].shape), _prompts(message, at))
    message.inputs.add(name=SAMPLING, datatype="BYTES", shape=shape)
    if message.raw_input_contents:
        message.raw_input_contents.append(b"")
    _put(message, len(message.inputs) - 1, [json.dumps(bounded(resolved.policy, {})).encode()] * count)


def _prompts(message: service_pb2.ModelInferRequest, index: int) -> int:
    """How many prompts came, counted from their bytes. Raises Refusal where the tensor's shape says otherwise."""
    tensor = message.inputs[index]
    if tensor.datatype != "BYTES":
        problem = f"the tensor {cut(tensor.name)!r} is {cut(tensor.datatype)!r}; prompts are BYTES"
        raise Refusal("invalid_request", problem, field=cut(tensor.name))
    count = len(_texts(message, index))
    if not _is_shape_of(tensor.shape, count):
        sizes = ", ".join(str(size) for size in tensor.shape[:SIZES_SHOWN_MAX])
        more = ", ..." if len(tensor.shape) > SIZES_SHOWN_MAX else ""
        problem = f"the tensor {cut(tensor.name)!r} has the shape [{sizes}{more}] and {count} elements; make them agree"
        raise Refusal("invalid_request", problem, field=cut(tensor.name))
    return count


def _is_shape_of(shape: Sequence[int], count: int) -> bool:
    """Whether a tensor of this shape has so many elements. Stops at the first size that is too many."""
    if any(size <= 0 for size in shape):
        return count == 0 and min(shape) == 0
    product = 1
    for size in shape:
        product *= size
        if product > count:
            return False
    return product == count


def _texts(message: service_pb2.ModelInferRequest, index: int) -> Sequence[bytes]:
    """Elements of a BYTES tensor. Raises Refusal for one that cannot be read, or has over ELEMENTS_MAX."""
    tensor = message.inputs[index]
    if not message.raw_input_contents:
        _demand_few(tensor.name, len(tensor.contents.bytes_contents))
        return list(tensor.contents.bytes_contents)
    raw, found, at = _raw(message, index), list[bytes](), 0
    while at < len(raw):
        end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
        if end > len(raw):
            name = cut(tensor.name)
            raise Refusal("invalid_request", f"the tensor {name} is cut after {len(found)} elements", field=name)
        found.append(raw[at + 4 : end])
        _demand_few(tensor.name, len(found))
        at = end
    return found


def _demand_few(name: str, count: int) -> None:
    if count > ELEMENTS_MAX:
        problem = (
            f"the tensor {cut(name)!r} has {count:,} elements or more; at most {ELEMENTS_MAX:,} are taken, send less"
        )
        raise Refusal("invalid_request", problem, field=cut(name))


def _put(message: service_pb2.ModelInferRequest, index: int, texts: Sequence[bytes]) -> None:
    if message.raw_input_contents:
        message.raw_input_contents[index] = packed(texts)
    else:
        del message.inputs[index].contents.bytes_contents[:]
        message.inputs[index].contents.bytes_contents.extend(texts)


def _integers(message: service_pb2.ModelInferRequest, index: int) -> Sequence[object]:
    """Elements of a tensor of whole numbers; of any other its type's name, which no rule about a number allows."""
    tensor = message.inputs[index]
    if not message.raw_input_contents:
        held = tensor.contents
        fields = (held.int_contents, held.int64_contents, held.uint_contents, held.uint64_contents)
        _demand_few(tensor.name, sum(len(field) for field in fields))
        return [int(value) for field in fields for value in field] or [tensor.datatype]
    form, raw = INTEGERS.get(tensor.datatype), _raw(message, index)
    if form is None or not raw or len(raw) % struct.calcsize(form):
        return [tensor.datatype]
    _demand_few(tensor.name, len(raw) // struct.calcsize(form))
    return [value for (value,) in struct.iter_unpack(form, raw)]


def _raw(message: service_pb2.ModelInferRequest, index: int) -> bytes:
    return bytes(message.raw_input_contents[index])
