"""Peeking agrees with protobuf on every message, and never believes what is no message."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from weir.gateway.core.peek import NoMessage, peek, peek_stream_response

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(model=NAMES, version=NAMES, message_id=NAMES, data=st.binary(max_size=200))
def test_peeking_reads_what_protobuf_reads(model: str, version: str, message_id: str, data: bytes) -> None:
    message = service_pb2.ModelInferRequest(model_name=model, model_version=version, id=message_id)
    message.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    message.raw_input_contents.append(data)

    peeked = peek(message.SerializeToString())

    assert (peeked.model_name, peeked.message_id) == (model, message_id)


@given(error=NAMES, message_id=NAMES, is_final=st.booleans())
def test_stream_responses_give_their_error_id_and_finality(error: str, message_id: str, is_final: bool) -> None:
    message = service_pb2.ModelStreamInferResponse(error_message=error)
    message.infer_response.id = message_id
    message.infer_response.parameters["triton_final_response"].bool_param = is_final
    message.infer_response.parameters["other"].int64_param = 7

    peeked = peek_stream_response(message.SerializeToString())

    assert (peeked.error_message, peeked.message_id, peeked.is_final) == (error, message_id, is_final)


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(NoMessage):
        assert len(peek(data).model_name) <= len(data)


def test_a_field_past_the_end_is_no_message() -> None:
    with pytest.raises(NoMessage, match="past the end"):
        peek(b"\x0a\x20abc")
