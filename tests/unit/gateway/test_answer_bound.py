"""The bound of an answer: whatever form a request has, it goes upstream within the policy's rules, or is refused by name."""

from __future__ import annotations

import json
import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from weir.access.refusals import Refusal
from weir.assets.model import Model
from weir.assets.policy import Policy
from weir.assets.sampling import KNOWN
from weir.assets.shapes import InvalidAsset, parse, shaped
from weir.events import Reference
from weir.gateway.core.answer_bound import ELEMENTS_MAX, bounded, bounded_request
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.peek import Peeked
from weir.gateway.core.policy import parameters_in
from weir.gateway.core.wire import SAMPLING, packed

TIGHT = {"output_tokens_max": 10, "parameters_allowed": ["max_tokens"]}


def route(**policy: Any) -> Resolved:
    reference = Reference(kind="policy", name="tight", version="1", digest="sha256:0")
    return Resolved("echo", Model(unary_model="m", stream_model=None), None, shaped(Policy, policy), (reference,))


def request(
    sampling: object = None, *, raw: bool = True, tensors: dict[str, int] | None = None, prompts: int = 1
) -> bytes:
    """A request as clients send it: its contents raw, or in the message."""
    message = service_pb2.ModelInferRequest(model_name="m", id="1")
    inputs: list[tuple[str, str, list[bytes]]] = [("text_input", "BYTES", [b"hello"] * prompts)]
    if sampling is not None:
        text = sampling if isinstance(sampling, bytes) else json.dumps(sampling).encode()
        inputs.append((SAMPLING, "BYTES", [text] * prompts))
    for name, datatype, texts in inputs:
        tensor = message.inputs.add(name=name, datatype=datatype, shape=[prompts])
        if raw:
            message.raw_input_contents.append(b"".join(struct.pack("<I", len(text)) + text for text in texts))
        else:
            tensor.contents.bytes_contents.extend(texts)
    for name, value in (tensors or {}).items():
        tensor = message.inputs.add(name=name, datatype="INT32", shape=[1])
        if raw:
            message.raw_input_contents.append(struct.pack("<i", value))
        else:
            tensor.contents.int_contents.append(value)
    return bytes(message.SerializeToString())


def read(wire: bytes) -> service_pb2.ModelInferRequest:
    return service_pb2.ModelInferRequest.FromString(wire)


def forwarded(resolved: Resolved, wire: bytes) -> bytes:
    """The request as it goes upstream."""
    return bounded_request(resolved, Peeked("m", "1", wire, read(wire))).wire


def sampling_of(wire: bytes) -> list[dict[str, Any]]:
    message = service_pb2.ModelInferRequest.FromString(wire)
    at = [tensor.name for tensor in message.inputs].index(SAMPLING)
    if not message.raw_input_contents:
        return [json.loads(text) for text in message.inputs[at].contents.bytes_contents]
    raw, found = message.raw_input_contents[at], []
    while raw:
        (length,) = struct.unpack_from("<I", raw)
        found.append(json.loads(raw[4 : 4 + length]))
        raw = raw[4 + length :]
    return found


@pytest.mark.parametrize(
    ("sampling", "said"),
    [
        ({"max_tokens": 150}, "max_tokens is 150; the policy of 'echo' allows a whole number up to 10"),
        ({"temperature": 1.9}, "'temperature' is not allowed by the policy of 'echo'; allowed: max_tokens"),
        ({"presence_penalty": 2}, "presence_penalty"),
        ({"max_completion_tokens": 11}, "max_tokens is 11"),
        ({"max_tokens": "150"}, "a whole number up to 10"),
        ({"max_tokens": 5.0}, "a whole number up to 10"),
        ({"max_tokens": True}, "a whole number up to 10"),
        ({"max_tokens": -1}, "a whole number up to 10"),
        ({"max_tokens": 5, "max_completion_tokens": 50}, "max_tokens is 50"),
        ({"unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_request_over_the_policy_is_refused_with_the_rule_named(sampling: dict[str, Any], said: str) -> None:
    for raw in (True, False):
        with pytest.raises(Refusal, match=said):
            forwarded(route(**TIGHT), request(sampling, raw=raw))


@pytest.mark.parametrize("policy", [{}, TIGHT], ids=["no policy", "a policy"])
@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b'{"max_tokens": 5, "max_tokens": 500}', "max_tokens"),
        (b'{"max_tokens": 5, "max\\u005ftokens": 500}', "max_tokens"),
        (b'{"max_tokens": 5, "bias": {"a": 1, "a": 2}}', "a"),
    ],
)
def test_parameters_that_give_a_key_twice_are_refused_by_name(
    policy: dict[str, Any], raw: bool, text: bytes, key: str
) -> None:
    message = read(request({"max_tokens": 5}, raw=raw, prompts=2))
    if raw:
        message.raw_input_contents[1] = packed([b"{}", text])
    else:
        message.inputs[1].contents.bytes_contents[1] = text

    with pytest.raises(Refusal, match=f"{SAMPLING} gives the key '{key}' twice; keep one"):
        forwarded(route(**policy), message.SerializeToString())


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.dictionaries(st.text(), st.text())) | st.binary())
def test_without_a_policy_parameters_of_one_meaning_go_upstream_byte_for_byte(sampling: object) -> None:
    for raw in (True, False):
        wire = request(sampling, raw=raw)
        assert forwarded(route(), wire) == wire


@pytest.mark.parametrize("sampling", [b"", b"{}", {}, {"temperature": None, "max_tokens": None}, None])
@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("prompts", [1, 3])
def test_without_a_bound_the_policys_own_is_sent(sampling: object, raw: bool, prompts: int) -> None:
    wire = forwarded(route(**TIGHT), request(sampling, raw=raw, prompts=prompts))

    assert sampling_of(wire) == [{"max_tokens": 10}] * prompts


def test_every_part_of_a_batch_is_looked_at() -> None:
    message = service_pb2.ModelInferRequest.FromString(request({"max_tokens": 5}, prompts=2))
    texts = [b'{"max_tokens": 5}', b'{"max_tokens": 500}']
    message.raw_input_contents[1] = b"".join(struct.pack("<I", len(text)) + text for text in texts)

    with pytest.raises(Refusal, match="max_tokens is 500"):
        forwarded(route(**TIGHT), message.SerializeToString())


def test_http_sends_the_policys_bound_where_none_was_asked_for() -> None:
    assert bounded(shaped(Policy, TIGHT), {"temperature": 1}) == {"temperature": 1, "max_tokens": 10}
    assert bounded(shaped(Policy, TIGHT), {"max_completion_tokens": 3}) == {"max_completion_tokens": 3}
    assert bounded(Policy(), {"temperature": 1}) == {"temperature": 1}


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("name", ["max_tokens", "request_output_len"])
def test_a_bound_in_a_tensor_of_its_own_counts(raw: bool, name: str) -> None:
    wire = forwarded(route(**TIGHT), request(raw=raw, tensors={name: 10}))

    assert SAMPLING not in [tensor.name for tensor in service_pb2.ModelInferRequest.FromString(wire).inputs]
    with pytest.raises(Refusal, match="up to 10"):
        forwarded(route(**TIGHT), request(raw=raw, tensors={name: 11}))


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    "shape", [[0], [2], [5_000_000], [2**40], [-1], [-1, -1], [2**62] * 50_000, [2**40, 0], [1, 1, 2]]
)
def test_a_shape_that_is_not_of_the_elements_is_refused_and_allocates_nothing(raw: bool, shape: list[int]) -> None:
    message = service_pb2.ModelInferRequest.FromString(request(raw=raw))
    del message.inputs[0].shape[:]
    message.inputs[0].shape.extend(shape)
    wire = message.SerializeToString()

    tracemalloc.start()
    with pytest.raises(Refusal, match=r"'text_input' has the shape \[.*\] and 1 elements") as told:
        forwarded(route(**TIGHT), wire)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert told.value.error_type == "invalid_request"
    assert peak_bytes < 4_000_000


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("sampling", [None, b""])
def test_a_batch_has_a_largest_size(raw: bool, sampling: object) -> None:
    wire = forwarded(route(**TIGHT), request(sampling, raw=raw, prompts=ELEMENTS_MAX))
    assert len(sampling_of(wire)) == ELEMENTS_MAX

    with pytest.raises(Refusal, match="at most 1,024"):
        forwarded(route(**TIGHT), request(sampling, raw=raw, prompts=ELEMENTS_MAX + 1))


@pytest.mark.parametrize("text", [b"{", b"[]", b"5", b"\xff", b"[" * 100_000])
def test_parameters_that_cannot_be_read_cannot_be_allowed(text: bytes) -> None:
    with pytest.raises(Refusal, match="no JSON object"):
        forwarded(route(**TIGHT), request(text))


LISTS = b'{"a":[' + b"[]," * 2_600_000 + b"[]]}"


@pytest.mark.parametrize("parts", [1, 64])
@pytest.mark.parametrize("raw", [True, False])
def test_parameters_of_megabytes_are_refused_unread(raw: bool, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = request(LISTS[: len(LISTS) // parts], raw=raw, prompts=parts)
    monkeypatch.setattr(json, "loads", None)  # nothing can be read without it

    with pytest.raises(Refusal, match="over 131,072 bytes"):
        forwarded(route(**TIGHT), wire)
    with pytest.raises(Refusal, match="at most 131,072 bytes"):
        parameters_in(read(wire))


def test_tensors_of_megabytes_are_no_parameters_that_a_policy_allows() -> None:
    message = service_pb2.ModelInferRequest.FromString(request({}))
    message.inputs.add(name="max_tokens", datatype="INT8", shape=[2_000_000])
    message.raw_input_contents.append(b"\1" * 2_000_000)

    assert parameters_in(message) == {"max_tokens": "unreadable"}


def test_the_parameters_of_the_largest_batch_are_read() -> None:
    wire = request({"max_tokens": 9, "stop": "x" * 80}, prompts=ELEMENTS_MAX)

    assert parameters_in(read(wire)) == {"max_tokens": 9, "stop": "x" * 80}
    assert len(sampling_of(forwarded(route(output_tokens_max=10), wire))) == ELEMENTS_MAX


@pytest.mark.parametrize("policy", [{}, {"input_bytes_max": 5}])
def test_without_such_rules_the_bytes_stay(policy: dict[str, Any]) -> None:
    wire = request({"max_tokens": 10**9})

    assert forwarded(route(**policy), wire) is wire


@given(
    st.dictionaries(
        st.sampled_from([*KNOWN, "max_completion_tokens", "x"]), st.none() | st.integers(-5, 30) | st.text(max_size=3)
    ),
    st.lists(st.sampled_from(KNOWN), max_size=3) | st.none(),
    st.integers(1, 20) | st.none(),
    st.booleans(),
)
def test_what_goes_upstream_keeps_every_rule(
    sampling: dict[str, Any], allowed: list[str] | None, most: int | None, raw: bool
) -> None:
    policy = {"output_tokens_max": most, "parameters_allowed": allowed}
    kept = {name: value for name, value in policy.items() if value is not None}
    try:
        wire = forwarded(route(**kept), request(sampling, raw=raw))
    except Refusal:
        return
    if not kept:
        return
    (sent,) = sampling_of(wire)
    if most is not None:
        bounds = [sent[name] for name in ("max_tokens", "max_completion_tokens") if name in sent]
        assert bounds
        assert all(bound <= most for bound in bounds)
    if allowed is not None:
        given_names = {name for name, value in sampling.items() if value is not None}
        assert {"max_tokens" if name == "max_completion_tokens" else name for name in given_names} <= set(allowed)


def test_a_policy_for_a_parameter_that_nobody_knows_cannot_be_stored() -> None:
    parse(Policy, TIGHT)
    with pytest.raises(InvalidAsset) as caught:
        parse(Policy, {"parameters_allowed": ["max_tokns"]})
    ((path, message),) = caught.value.findings
    assert path == "spec.parameters_allowed[0]"
    assert "max_tokens" in message
