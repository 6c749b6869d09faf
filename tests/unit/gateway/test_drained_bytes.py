"""Law: what the drain makes of a record stays the same to the byte: topics, keys, Avro bodies, or the reason why not.

The digests were taken before the drain was made faster (commit fd5407c); those of a call's end since it has `tool_calls_json`. A
test here fails when consumers would read something else: then a schema or the meaning of a field changed, and the digest changes
in the commit that says so.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace
from typing import Any

import pytest
from tritonclient.grpc import service_pb2

from harness.samples.builders import NOON_US, SPAN_ID, call, call_end
from weir.capture.frames import HEAD
from weir.capture.gap import Gap
from weir.events import Reference
from weir.gateway.core.call import Feedback
from weir.gateway.core.reading import read
from weir.gateway.core.record import Record, pack
from weir.runtime.kafka.message_trace import kafka_headers

TIMING = json.dumps(
    [
        {
            "name": "inference",
            "span_id": "a" * 16,
            "parent_span_id": SPAN_ID,
            "kind": "server",
            "service": "inference",
            "start_us": NOON_US + 1,
            "end_us": NOON_US + 9_000,
        },
        {"name": "triton ModelInfer", "kind": "client", "service": "inference", "start_us": 5, "end_us": 2},
    ]
)
REFERENCES = tuple(
    Reference(kind=kind, name="docs-qa", version="1", digest="sha256:" + digit * 64)
    for kind, digit in (("chain", "1"), ("prompt", "2"), ("model", "3"), ("dataset", "4"), ("policy", "5"))
)


def text(*values: str) -> tuple[str, bytes]:
    return "BYTES", b"".join(struct.pack("<I", len(one.encode())) + one.encode() for one in values)


def request(**tensors: tuple[str, bytes]) -> bytes:
    message = service_pb2.ModelInferRequest(model_name="docs-qa", id="client-7")
    for name, (datatype, data) in tensors.items():
        message.inputs.add(name=name, datatype=datatype, shape=[1])
        message.raw_input_contents.append(data)
    return bytes(message.SerializeToString())


def response(**tensors: tuple[str, bytes]) -> bytes:
    message = service_pb2.ModelInferResponse(model_name="docs-qa")
    for name, (datatype, data) in tensors.items():
        message.outputs.add(name=name, datatype=datatype, shape=[1])
        message.raw_output_contents.append(data)
    return bytes(message.SerializeToString())


def piece(said: str, **tensors: tuple[str, bytes]) -> bytes:
    inner = service_pb2.ModelInferResponse.FromString(response(text_output=text(said), **tensors))
    return bytes(service_pb2.ModelStreamInferResponse(infer_response=inner).SerializeToString())


ASKED = request(
    text_input=text("Wie heißt das? 日本語 " * 9),
    sampling_parameters=text('{"seed": 7, "temperature": 0.5, "stop": ["\\ud83d\\ude00", "\\ud800"]}'),
    max_tokens=("INT32", struct.pack("<i", 64)),
)
ANSWERED = response(
    text_output=text("The for statement 😀 iterates. " * 40),
    passage_ids=text("topics/for#0", "topics/while#1"),
    passage_scores=("FP32", struct.pack("<2f", 0.5, 1e-9)),
    passage_texts=text("The for statement", "Ünïcödé"),
    corpus_digest=text("sha256:" + "cd" * 32),
    finish_reason=text("stop"),
    input_tokens=("INT32", struct.pack("<i", 6)),
    output_tokens=("INT64", struct.pack("<q", 2)),
    node_timings=text('[{"name": "retrieve", "start_us": 10, "end_us": 20}, {"kind": "\\ud800", "name": "\\ud800"}]'),
)
PIECES = (
    piece("It "),
    piece("loops.", num_output_tokens=("UINT32", b"\2\0\0\0"), finish_reason=text("length")),
    piece("", finish_reason=text("None")),
)


def record(**fields: Any) -> Record:
    """The end of a call that used all there is; fields: of the record, the call (`call_*`) or the end (`end_*`)."""
    own = {name: value for name, value in fields.items() if not name.startswith(("call_", "end_"))}
    of_call = {name[5:]: value for name, value in fields.items() if name.startswith("call_")}
    of_end = {name[4:]: value for name, value in fields.items() if name.startswith("end_")}
    plain = Record(
        kind="completed",
        source="gateway/1",
        boot_epoch=NOON_US - 7,
        seq=2**31 + 70,
        call=call(**{"references": REFERENCES, "parent_span_id": "c" * 16, "labels": {"user": "ü", "k": ""}} | of_call),
        end=call_end(server_timing_json=TIMING, **of_end),
        wire=ASKED,
        wire_bytes=len(ASKED),
        responses=(ANSWERED,),
        response_bytes=len(ANSWERED),
    )
    return replace(plain, **own)


JUDGED = Feedback(
    event_id="01890a5d-ac96-774b-bcce-b302099a8057", tenant="demo", request_id="r", time_us=NOON_US, score=-0.5,
    label="bad", comment="ä" * 500,
)  # fmt: skip
RECORDS = {
    "completed": record(),
    "requested": record(kind="requested", end=None, responses=(), response_bytes=0, call_deadline_ms=30_000),
    "streamed": record(
        responses=PIECES,
        response_bytes=10**6,
        call_protocol="openai-chat-stream",
        call_user_text="Only this",
        call_session_id="s-1",
        call_trace_flags="00",
        call_tracestate="vendor=1",
        end_first_token_time_us=NOON_US + 77,
        end_http_status=200,
    ),
    "without_references": record(call_references=(), call_labels={}),
    "failed": record(
        end_outcome="failed", end_status_code=13, end_error_type="upstream", end_error_message="é" * 300, responses=()
    ),
    "refused": record(wire=b"", responses=(), call_model="", end_outcome="refused", end_status_code=8),
    "wire_not_kept": record(wire=b"", responses=()),
    "no_protobuf": record(wire=b"\xff\xff", responses=(b"\xff", b"")),
    "feedback": Record(kind="feedback", source="gateway/1", boot_epoch=NOON_US, seq=3, feedback=JUDGED),
    "feedback_too_large": Record(
        kind="feedback", source="gateway/1", boot_epoch=NOON_US, seq=3, feedback=replace(JUDGED, comment="ä" * 5_000)
    ),
    "gap": Record(kind="gap", source="g/1", boot_epoch=1, seq=3, gap=Gap(first_seq=1, last_seq=2, reason="spool_full")),
    "too_large": record(
        wire=request(text_input=text("x" * 9_000)), responses=(response(text_output=text("y" * 9_000)),)
    ),
    "integer_for_text": record(call_route=7),
    "text_for_integer": record(call_deadline_ms="soon", kind="requested"),
    "truth_for_integer": record(end_status_code=True),
    "number_for_integer": record(end_http_status=200.5),
    "time_out_of_range": record(call_start_time_us=2**62),
    "no_id": record(call_request_id="no id"),
    "name_too_long": record(call_tenant="t" * 2_000),
    "word_of_no_set": record(end_outcome="elsewhere"),
}
DIGESTS = {
    "completed": "6683c5751eb85f33",
    "requested": "a215a2ff69a67dc3",
    "streamed": "613086ef5262861b",
    "without_references": "86a30d5a4e40469f",
    "failed": "9b16596cf78fd701",
    "refused": "168d6727a463b88b",
    "wire_not_kept": "f613594bbd02e4f0",
    "no_protobuf": "47e69b844f6abc96",
    "feedback": "9872f551760236b7",
    "feedback_too_large": "345f4acb60d0b359",
    "gap": "bea7082cfd532974",
    "too_large": "0575b456df59317e",
    "integer_for_text": "ea3135600b0a0e31",
    "text_for_integer": "efe0c5313cb3ce0c",
    "truth_for_integer": "1360fddbc63a250a",
    "number_for_integer": "bdec9cccf39ce716",
    "time_out_of_range": "a8ebe1f2055c6982",
    "no_id": "bdec9cccf39ce716",
    "name_too_long": "f3e674cb3339ac6b",
    "word_of_no_set": "f814a71b42660250",
}


@pytest.mark.capability("X1")
@pytest.mark.parametrize("name", RECORDS)
def test_a_record_gives_the_bytes_that_it_always_gave(name: str) -> None:
    assert digest(RECORDS[name]) == DIGESTS[name]


def digest(one: Record) -> str:
    """Of all that leaves the drain for a record."""
    (found,) = read([pack(one)[HEAD.size :]], text_chars_max=4_000, message_bytes_max=3_500)
    error = (found.error.reason, found.error.detail) if found.error else None
    said = (found.messages, kafka_headers(found.trace), error, found.is_bare)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]
