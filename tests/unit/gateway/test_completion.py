"""What the drain makes of records: the events, their numbers and what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import InferInput, service_pb2
from tritonclient.utils import serialize_byte_tensor

from harness.samples.builders import DIGEST, NOON_US, REQUEST_ID, SPAN_ID, call, call_end
from weir.capture.frames import HEAD
from weir.events import InferenceCompleted, InferenceRequested, Reference, SpansRecorded, derived_span_id
from weir.gateway.core.completion import events_of
from weir.gateway.core.record import Kind, Record, pack, unpack


def request_wire(text: str, **tensors: str) -> bytes:
    message = service_pb2.ModelInferRequest(model_name="docs-qa", id="client-7")
    for name, value in {"text_input": text, **tensors}.items():
        data = InferInput(name, [1], "BYTES")
        data.set_data_from_numpy(np.array([value], dtype=np.object_))
        message.inputs.append(data._get_tensor())
        message.raw_input_contents.append(data._get_content())
    return bytes(message.SerializeToString())


def response_message(**tensors: object) -> service_pb2.ModelInferResponse:
    message = service_pb2.ModelInferResponse(model_name="docs-qa")
    for name, value in tensors.items():
        values = np.array(value if isinstance(value, list) else [value])
        datatype = {"f": "FP32", "i": "INT32"}.get(values.dtype.kind, "BYTES")
        output = message.outputs.add(name=name, datatype=datatype, shape=list(values.shape))
        assert output is not None
        if datatype == "BYTES":
            message.raw_output_contents.append(serialize_byte_tensor(values.astype(np.object_)).item())
        else:
            message.raw_output_contents.append(values.astype({"FP32": "f4", "INT32": "i4"}[datatype]).tobytes())
    return message


def answered(**fields: object) -> Record:
    answer = response_message(
        text_output="It loops.",
        passage_ids=["topics/for#0"],
        passage_scores=[0.5],
        passage_texts=["The for statement"],
        corpus_digest="sha256:" + "cd" * 32,
        finish_reason="stop",
        input_tokens=[6],
        output_tokens=[2],
        node_timings='[{"name": "retrieve", "start_us": 10, "end_us": 20}]',
    )
    values = {
        "kind": "completed",
        "source": "gateway/1",
        "boot_epoch": NOON_US,
        "seq": 4,
        "call": call(),
        "end": call_end(),
        "wire": request_wire("What is for?", sampling_parameters='{"seed": 7}'),
        "responses": (answer.SerializeToString(),),
        "wire_bytes": 99,
        "response_bytes": 98,
    }
    return Record(**{**values, **fields})  # type: ignore[arg-type]  # a builder: the values above have the right types


def completion(record: Record) -> tuple[InferenceCompleted, SpansRecorded]:
    (topic, _, event), (spans_topic, _, spans) = events_of(record, text_chars_max=1_000)
    assert (topic, spans_topic) == ("inference-responses", "spans")
    assert isinstance(event, InferenceCompleted)
    assert isinstance(spans, SpansRecorded)
    return event, spans


@pytest.mark.capability("D12")
@pytest.mark.capability("O1")
def test_a_completed_call_becomes_an_event_and_its_spans_with_gapless_numbers() -> None:
    event, spans = completion(answered())

    assert (event.seq, spans.seq) == (4, 5)
    assert (event.user_text, event.output_text) == ("What is for?", "It loops.")
    assert (event.input_tokens, event.output_tokens, event.seed) == (6, 2, 7)
    assert event.client_request_id == "client-7"
    assert event.latency_ms == 12.5


@pytest.mark.parametrize(("known", "words"), [(None, "Be kind: Hi"), ("Hi", "Hi"), ("", "")])
def test_the_whole_input_stands_in_only_for_words_that_are_not_known(known: str | None, words: str) -> None:
    record = unpack(
        pack(answered(call=call(protocol="openai-chat", user_text=known), wire=request_wire("Be kind: Hi")))[
            HEAD.size :
        ]
    )
    event, _ = completion(record)

    assert (event.user_text, event.input_text) == (words, "Be kind: Hi")


def test_a_record_of_before_null_has_unknown_words() -> None:
    record = answered(call=call(protocol="oip-grpc", user_text=""), wire=request_wire("Hi"))

    assert completion(unpack(pack(record)[HEAD.size :]))[0].user_text == "Hi"


@pytest.mark.parametrize("seed", [-(2**63), 0, 2**63 - 1])
def test_every_seed_that_an_api_takes_stands_in_the_event(seed: int) -> None:
    event, _ = completion(answered(wire=request_wire("Hi", sampling_parameters=json.dumps({"seed": seed}))))

    assert event.seed == seed


@pytest.mark.capability("O4")
def test_the_corpus_the_model_reports_is_referenced_beside_the_registered_dataset() -> None:
    event, _ = completion(answered())

    assert event.contexts[0].passage_id == "topics/for#0"
    assert event.contexts[0].dataset_digest == "sha256:" + "cd" * 32
    assert [(r.kind, r.digest) for r in event.references] == [("dataset", DIGEST), ("index", "sha256:" + "cd" * 32)]


@pytest.mark.parametrize(("datasets", "name"), [((), ""), (("a",), "a"), (("a", "b"), "")])
def test_a_passage_is_of_no_dataset_where_nothing_says_which(datasets: tuple[str, ...], name: str) -> None:
    pinned = tuple(Reference(kind="dataset", name=one, version="1", digest=DIGEST) for one in datasets)
    event, _ = completion(answered(call=call(references=pinned)))

    read = "sha256:" + "cd" * 32
    assert [(context.dataset, context.dataset_digest) for context in event.contexts] == [(name, read)]
    assert event.references == (*pinned, Reference(kind="index", name=name, version="", digest=read))


def test_the_release_is_what_the_registry_pinned() -> None:
    event, _ = completion(answered())
    [(_, _, request)] = events_of(answered(kind="requested", end=None, responses=()), text_chars_max=1_000)

    assert isinstance(request, InferenceRequested)
    assert request.release_digest == event.release_digest != ""


@pytest.mark.capability("O14")
def test_spans_hang_together() -> None:
    timing = (
        '[{"name":"inference","span_id":"aaaaaaaaaaaaaaaa","parent_span_id":"' + SPAN_ID + '","start_us":1,"end_us":2}]'
    )
    _, spans = completion(answered(end=call_end(server_timing_json=timing)))

    assert [(span.name, span.parent_span_id) for span in spans.spans] == [
        ("text_completion docs-qa", ""),
        ("inference", SPAN_ID),
        ("retrieve", "aaaaaaaaaaaaaaaa"),
    ]
    assert spans.spans[2].span_id == derived_span_id(REQUEST_ID, "retrieve 1")


def test_a_stream_is_the_sum_of_its_pieces() -> None:
    pieces = [
        service_pb2.ModelStreamInferResponse(infer_response=response_message(text_output=part)).SerializeToString()
        for part in ("It ", "loops.")
    ]
    end = call_end(first_token_time_us=NOON_US + 2_000)

    event, _ = completion(answered(call=call(protocol="oip-grpc-stream"), responses=tuple(pieces), end=end))

    assert event.output_text == "It loops."
    assert event.time_to_first_token_ms == 2.0


def test_reading_a_record_twice_gives_the_same_events() -> None:
    assert events_of(answered(), text_chars_max=100) == events_of(answered(), text_chars_max=100)


def test_long_texts_are_cut_and_say_so() -> None:
    [(_, _, event), _] = events_of(answered(), text_chars_max=4)

    assert isinstance(event, InferenceCompleted)
    assert (event.user_text, event.input_truncated, event.output_text, event.output_truncated) == (
        "What",
        True,
        "It l",
        True,
    )


@pytest.mark.parametrize("kind", ["requested", "completed"])
@given(wire=st.binary(max_size=200), response=st.binary(max_size=200))
def test_any_bytes_make_an_event(kind: Kind, wire: bytes, response: bytes) -> None:
    record = answered(
        kind=kind,
        wire=wire,
        responses=(response,),
        call=call(references=(Reference(kind="x", name="y", version="", digest=""),)),
    )

    events = events_of(record, text_chars_max=100)

    assert all(event.request_id == REQUEST_ID for _, _, event in events)  # type: ignore[union-attr]  # both kinds carry it
