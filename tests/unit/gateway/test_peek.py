"""K4: the bytes of a request have one meaning; what the gateway read is what it sends on, and protobuf agrees."""

from __future__ import annotations

import contextlib

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from fuzz import oip_messages
from fuzz.oip_messages import peek
from weir.gateway.core.peek import NoMessage, peek_question, peek_stream_response

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
EDITS = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["set", "drop", "put", "copy"]), st.binary(max_size=6)))


def a_request(model: str = "docs-qa", message_id: str = "1", data: bytes = b"x") -> service_pb2.ModelInferRequest:
    message = service_pb2.ModelInferRequest(model_name=model, id=message_id)
    message.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    message.outputs.add(name="text_output")
    message.raw_input_contents.append(data)
    return message


def edited(wire: bytes, edits: list[tuple[int, str, bytes]]) -> bytes:
    """The bytes after some of them were overwritten, left out, put in between or repeated at the end."""
    for place, kind, data in edits:
        at = place % (len(wire) + 1)
        changed = {"set": wire[:at] + data + wire[at + len(data) :], "drop": wire[:at] + wire[at + len(data) :],
                   "put": wire[:at] + data + wire[at:], "copy": wire + wire[at : at + 12]}  # fmt: skip
        wire = changed[kind]
    return wire


@given(model=NAMES, message_id=NAMES, data=st.binary(max_size=200), edits=EDITS)
def test_what_is_accepted_is_what_protobuf_reads_before_and_after(
    model: str, message_id: str, data: bytes, edits: list[tuple[int, str, bytes]]
) -> None:
    wire = edited(bytes(a_request(model, message_id, data).SerializeToString()), edits)

    try:
        peeked = peek(wire)
    except NoMessage:
        return
    sent_on = service_pb2.ModelInferRequest.FromString(peeked.wire)

    assert sent_on == service_pb2.ModelInferRequest.FromString(wire)
    assert (peeked.model_name, peeked.message_id) == (sent_on.model_name, sent_on.id)
    assert (sent_on.model_version, len(sent_on.parameters)) == ("", 0)
    assert peek(peeked.wire) == peeked


@given(model=NAMES, message_id=NAMES, data=st.binary(max_size=200))
def test_a_plain_request_goes_on_byte_for_byte(model: str, message_id: str, data: bytes) -> None:
    wire = bytes(a_request(model, message_id, data).SerializeToString())

    assert peek(wire).wire == wire


def test_a_repeated_model_name_is_sent_on_once_as_the_one_that_was_checked() -> None:
    wire = b"\x0a\x05first" + bytes(a_request("second").SerializeToString())

    peeked = peek(wire)

    assert peeked.model_name == "second"
    assert b"first" not in peeked.wire


STEERED = {
    "model_version": lambda request: setattr(request, "model_version", "2"),
    "sequence_id": lambda request: setattr(request.parameters["sequence_id"], "int64_param", 7),
    "priority": lambda request: setattr(request.parameters["priority"], "uint64_param", 1),
    "of an input": lambda request: setattr(
        request.inputs[0].parameters["shared_memory_region"], "string_param", "theirs"
    ),
    "of an output": lambda request: setattr(
        request.outputs[0].parameters["shared_memory_region"], "string_param", "theirs"
    ),
    "id has 257 characters": lambda request: setattr(request, "id", "x" * 257),
    "model_name has 257": lambda request: setattr(request, "model_name", "x" * 257),
}


@pytest.mark.parametrize("word", STEERED)
def test_what_steers_the_server_is_refused_by_name(word: str) -> None:
    request = a_request()
    STEERED[word](request)

    with pytest.raises(NoMessage, match=word):
        peek(request.SerializeToString())


def test_the_operator_may_allow_a_parameter_but_never_shared_memory() -> None:
    request = a_request()
    request.parameters["priority"].uint64_param = 1
    assert peek(request.SerializeToString(), {"priority"}).model_name == "docs-qa"

    request.parameters["shared_memory_region"].string_param = "theirs"
    with pytest.raises(NoMessage, match="shared_memory_region"):
        peek(request.SerializeToString(), {"priority", "shared_memory_region"})


CONSUMERS = {
    "model_name": "the route, the event and Triton",
    "model_version": "refused",
    "id": "the event's client_request_id and Triton",
    "parameters": "refused by name, but for REQUEST_PARAMETERS and what the operator allows",
    "inputs": "the event's input_text and parameters_json, and Triton; their parameters are refused",
    "outputs": "Triton; their parameters are refused but for OUTPUT_PARAMETERS",
    "raw_input_contents": "as inputs",
}


def test_every_field_of_the_request_has_a_consumer_or_is_refused() -> None:
    assert set(CONSUMERS) == {field.name for field in service_pb2.ModelInferRequest.DESCRIPTOR.fields}


def test_stock_parameters_pass() -> None:
    request = a_request()
    request.parameters["triton_enable_empty_final_response"].bool_param = True
    request.outputs[0].parameters["classification"].int64_param = 3

    assert peek(request.SerializeToString()).model_name == "docs-qa"


@pytest.mark.parametrize(
    "extra",
    [b"\x7a\x01x", b"\x78\x01", b"\x09" + b"\0" * 8, b"\x2a\x04\x7a\x02xx", b"\x08\x05"],
    ids=["unknown text", "unknown number", "wrong wire type", "unknown inside an input", "number as name"],
)
def test_fields_that_the_protocol_does_not_have_are_refused(extra: bytes) -> None:
    with pytest.raises(NoMessage, match="does not have"):
        peek(a_request().SerializeToString() + extra)


@pytest.mark.parametrize(
    "wire", [b"\x0a\x20abc", b"\x0a\x02\xff\xfe", b"\x0b", b"\xff" * 20], ids=["cut", "no UTF-8", "open group", "noise"]
)
def test_bytes_that_are_no_message_are_refused(wire: bytes) -> None:
    with pytest.raises(NoMessage, match="are no ModelInferRequest"):
        peek(wire)


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for method in ("ModelReady", "ModelMetadata", "ServerReady"):
        with contextlib.suppress(NoMessage):
            assert len(peek_question(method, data).model_name) <= len(data)


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata"])
def test_a_question_about_a_model_goes_on_as_it_was_checked(method: str) -> None:
    wire = b"\x0a\x05first" + service_pb2.ModelReadyRequest(name="second", version="1").SerializeToString()

    peeked = peek_question(method, wire)

    assert peeked.model_name == "second"
    assert peeked.wire == service_pb2.ModelReadyRequest(name="second", version="1").SerializeToString()


def test_a_question_about_the_server_carries_nothing_on() -> None:
    assert peek_question("ServerMetadata", b"anything").wire == b""


@given(error=NAMES, message_id=NAMES, is_final=st.booleans())
def test_stream_responses_give_their_error_id_and_finality(error: str, message_id: str, is_final: bool) -> None:
    message = service_pb2.ModelStreamInferResponse(error_message=error)
    message.infer_response.id = message_id
    message.infer_response.parameters["triton_final_response"].bool_param = is_final
    message.infer_response.parameters["other"].int64_param = 7

    peeked = peek_stream_response(message.SerializeToString())

    assert (peeked.error_message, peeked.message_id, peeked.is_final) == (error, message_id, is_final)


@given(st.binary(max_size=100))
def test_a_stream_response_is_read_as_protobuf_reads_it(data: bytes) -> None:
    try:
        message = service_pb2.ModelStreamInferResponse.FromString(data)
    except DecodeError:
        with pytest.raises(NoMessage, match="ModelStreamInferResponse"):
            peek_stream_response(data)
    else:
        assert peek_stream_response(data).message_id == message.infer_response.id


def test_changed_messages_keep_one_meaning() -> None:
    oip_messages.run(seed=4, cases=3_000)
