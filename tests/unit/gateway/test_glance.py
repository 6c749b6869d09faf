"""K3, K4: whom a large request asks is read from its bytes as protobuf reads it, at a bounded cost."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from fuzz.oip_messages import peek
from weir.gateway.core import peek as reader
from weir.gateway.core.glance import FIELDS_MAX, NUMBERS_BYTES_MAX, SMALL_BYTES, NoMessage, glance

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
EDITS = st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=6)), max_size=6)
PADDING = b"\x3a\x80\x80\x01" + b"x" * 16_384
"""Raw contents that make a message a large one."""

HEAD = bytes(service_pb2.ModelInferRequest(model_name="qa", id="1").SerializeToString())


def wire_of(model: str, message_id: str) -> bytes:
    message = service_pb2.ModelInferRequest(model_name=model, id=message_id)
    message.inputs.add(name="text_input", datatype="BYTES", shape=[1, 300]).contents.int64_contents.extend([1, 300, -1])
    message.outputs.add(name="text_output").parameters["classification"].int64_param = 3
    message.parameters["priority"].uint64_param = 1
    return bytes(message.SerializeToString())


@given(model=NAMES, message_id=NAMES, edits=EDITS, again=st.sampled_from([b"", b"\x0a\x05other", b"\x8a\x00\x02xy"]))
def test_a_glance_reads_what_protobuf_reads(
    model: str, message_id: str, edits: list[tuple[int, bytes]], again: bytes
) -> None:
    wire = wire_of(model, message_id)
    for place, data in edits:
        at = place % (len(wire) + 1)
        wire = wire[:at] + data + wire[at + len(data) :]
    wire += again
    try:
        meant = service_pb2.ModelInferRequest.FromString(wire)
    except DecodeError:
        return
    size_bytes = meant.ByteSize()
    meant.DiscardUnknownFields()

    try:
        seen = glance(wire)
    except NoMessage:
        assert meant.ByteSize() != size_bytes, "only a message with fields that the protocol does not have"
        return

    assert seen == (meant.model_name, meant.id)


@given(model=NAMES, message_id=NAMES, other=NAMES)
def test_a_large_message_is_taken_as_a_small_one_is(model: str, message_id: str, other: str) -> None:
    wire = bytes(service_pb2.ModelInferRequest(model_name=other).SerializeToString()) + bytes(
        service_pb2.ModelInferRequest(model_name=model, id=message_id).SerializeToString()
    )

    large = peek(wire + PADDING)

    assert len(PADDING) > SMALL_BYTES
    assert large.wire == peek(wire).wire + PADDING
    assert (large.model_name, large.message_id) == (model or other, message_id)


def inside(*tags: int, data: bytes) -> bytes:
    """The bytes as a field in a field ..., the innermost tag last."""
    for tag in reversed(tags):
        size, told = len(data), b""
        while size > 127:
            told, size = told + bytes([size & 127 | 128]), size >> 7
        data = bytes([tag]) + told + bytes([size]) + data
    return data


MANY = 3_900_000
BOMBS = {
    "inputs": b"\x2a\x00" * MANY,
    "outputs": b"\x32\x00" * MANY,
    "raw contents": b"\x3a\x00" * MANY,
    "parameters": b"\x22\x00" * MANY,
    "names": b"\x0a\x00" * MANY,
    "unknown": b"\x7a\x00" * MANY,
    "values of a parameter": inside(0x22, data=b"\x12\x00" * MANY),
    "texts of a tensor": inside(0x2A, 0x2A, data=b"\x42\x00" * MANY),
    "numbers not packed": inside(0x2A, 0x2A, data=b"\x10\x01" * MANY),
    "floats not packed": inside(0x2A, 0x2A, data=b"\x35\0\0\0\0" * (MANY // 3)),
    "packed numbers": inside(0x2A, 0x2A, 0x1A, data=b"\x01" * (2 * MANY)),
    "a shape": inside(0x2A, 0x1A, data=b"\x01" * (2 * MANY)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_message_of_too_many_parts_is_refused_before_it_is_parsed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "service_pb2", None)  # nothing can be parsed without it

    with pytest.raises(NoMessage, match=f"over ({FIELDS_MAX:,} fields|{NUMBERS_BYTES_MAX:,} bytes)"):
        reader.outline(HEAD + BOMBS[kind])


def test_as_many_parts_as_documented_are_taken() -> None:
    texts = service_pb2.ModelInferRequest(model_name="qa")
    texts.inputs.add(name="texts", datatype="BYTES", shape=[1_024]).contents.bytes_contents.extend([b"x" * 20] * 1_024)
    tensors = service_pb2.ModelInferRequest(model_name="qa")
    for index in range(800):
        tensors.inputs.add(name=f"input {index}", datatype="INT32", shape=[1])
        tensors.raw_input_contents.append(b"\1\0\0\0")
    numbers = service_pb2.ModelInferRequest(model_name="qa")
    numbers.inputs.add(name="ids").contents.int64_contents.extend([128_000] * (NUMBERS_BYTES_MAX // 3))

    for request in (texts, tensors, numbers):
        wire = bytes(request.SerializeToString())
        assert len(wire) > SMALL_BYTES
        assert peek(wire).wire == wire


@pytest.mark.parametrize("wire", [b"\x0a\x20abc", b"\x0b", b"\xff" * 20, b"\x2a\x03\x0a\x09x", b"\x0a\x02\xff\xfe"])
def test_bytes_that_are_no_message_are_refused(wire: bytes) -> None:
    with pytest.raises(NoMessage, match="are no ModelInferRequest"):
        glance(wire)


@pytest.mark.parametrize(("size", "named"), [(257, "n" * 256), (7_000_000, "n" * 256)])
def test_a_name_that_is_too_long_is_refused_and_cut(size: int, named: str) -> None:
    with pytest.raises(NoMessage, match="model_name has over 256 characters") as refused:
        glance(wire_of("n" * size, "1"))

    assert refused.value.model_name == named


def test_a_question_about_a_model_is_small() -> None:
    with pytest.raises(NoMessage, match="at most 4096"):
        reader.peek_question("ModelReady", b"\x0a\x00" * MANY)
