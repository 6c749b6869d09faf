"""Law: every payload of a spool becomes events that every reader can hold, or one InvalidEvent; nothing else happens."""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from harness.samples.builders import NOON_US, SPAN_ID, call, call_end
from weir.capture.frames import HEAD
from weir.capture.reading import Read
from weir.events import Event, InferenceCompleted, SpanKind, SpansRecorded, decode_body
from weir.events.loose_json import DEPTH_MAX, VALUES_MAX, carried, json_objects, loose_json
from weir.gateway.core.reading import read
from weir.gateway.core.record import Record, pack

pytestmark = pytest.mark.capability("X1")
BYTES_MAX = 4_194_304
EVENTS = {
    "inference-requests": "InferenceRequested",
    "inference-responses": "InferenceCompleted",
    "spans": "SpansRecorded",
    "feedback": "FeedbackReceived",
}


def completed(**fields: Any) -> Record:
    plain = Record(kind="completed", source="gateway/1", boot_epoch=NOON_US, seq=2, call=call(), end=call_end())
    return replace(plain, **fields)


def read_back(record: Record) -> Read:
    (one,) = read([pack(record)[HEAD.size :]], text_chars_max=65_536, message_bytes_max=BYTES_MAX)
    return one


def events_in(one: Read) -> list[Event]:
    """The events, as every consumer reads them."""
    return [decode_body(EVENTS[topic], body) for topic, _, body in one.messages]


def answer_of(record: Record) -> tuple[InferenceCompleted, SpansRecorded]:
    one = read_back(record)
    assert one.error is None
    event, spans = events_in(one)
    assert isinstance(event, InferenceCompleted)
    assert isinstance(spans, SpansRecorded)
    return event, spans


def request_wire(parameters: str, name: str = "sampling_parameters") -> bytes:
    message = service_pb2.ModelInferRequest(model_name="docs-qa", id="7")
    message.inputs.add(name=name, datatype="BYTES", shape=[1]).contents.bytes_contents.append(parameters.encode())
    return bytes(message.SerializeToString())


def response_wire(**tensors: tuple[str, bytes]) -> bytes:
    message = service_pb2.ModelInferResponse(model_name="docs-qa")
    for name, (datatype, data) in tensors.items():
        message.outputs.add(name=name, datatype=datatype, shape=[1])
        message.raw_output_contents.append(data)
    return bytes(message.SerializeToString())


def text(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


@pytest.mark.parametrize(
    "parameters",
    [
        '{"seed": true}',
        '{"seed": 1e400}',
        '{"seed": NaN}',
        '{"seed": ' + "9" * 400 + "}",
        '{"seed": ' + "9" * 5_000 + "}",
        '{"seed": "\\ud800"}',
        "[" * 3_000,
        '{"a": ' * 900 + "1" + "}" * 900,
        '{"stop": "\\udfff"}',
        "{" + ",".join(f'"{number}": 1' for number in range(40_000)) + "}",
        "null",
        "\x00",
    ],
    ids=lambda value: value[:20],
)
@pytest.mark.parametrize("kind", ["requested", "completed"])
@pytest.mark.slow
def test_any_parameters_leave_the_call_its_events(kind: Any, parameters: str) -> None:
    one = read_back(completed(kind=kind, wire=request_wire(parameters), wire_bytes=9))

    assert one.error is None
    for event in events_in(one):
        if isinstance(event, InferenceCompleted):
            assert event.seed is None
            json.loads(event.parameters_json, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "tensor",
    [
        ("FP32", struct.pack("<f", math.nan)),
        ("FP32", struct.pack("<f", math.inf)),
        ("FP64", struct.pack("<d", 1e300)),
        ("INT64", struct.pack("<q", 2**62)),
        ("INT64", struct.pack("<q", -1)),
        ("INT32", b"\x01"),
        ("INT8", b"\xff"),
        ("UINT32", b"\xff" * 4),
        ("BF16", b"\xff\x7f"),
        ("BOOL", b"\x02"),
        ("BYTES", text(b"\xff\xfe\xed\xa0\x80")),
        ("BYTES", struct.pack("<I", 2**32 - 1) + b"short"),
        ("BYTES", b"\x01"),
        ("NONE", b"?"),
    ],
    ids=lambda value: f"{value[0]}-{value[1][:4].hex()}",
)
@pytest.mark.parametrize(
    "name",
    [
        "text_output",
        "input_tokens",
        "output_tokens",
        "finish_reason",
        "passage_scores",
        "corpus_digest",
        "node_timings",
    ],
)
def test_any_tensor_of_a_model_leaves_the_call_its_events(name: str, tensor: tuple[str, bytes]) -> None:
    wire = response_wire(passage_ids=("BYTES", text(b"p") * 30), **{name: tensor})

    event, _ = answer_of(completed(responses=(wire,), response_bytes=len(wire)))

    assert event.outcome == "ok"
    assert all(math.isfinite(context.score) for context in event.contexts)


SPANS = [
    [{"start_us": 2**70, "end_us": -5}],
    [{"start_us": "yesterday", "end_us": None, "name": ["a"], "span_id": 7, "kind": {}}],
    [{"span_id": "\ud800", "name": "\ud800" * 9}],
    [{"name": "n" * 100_000}] * 100,
    [{"kind": "tool"}, {"kind": "Server"}, {"kind": ""}, {"kind": "producer"}],
    [[1], None, 2.5, {"a": {"b": {}}}],
    {"not": "a list"},
]


@pytest.mark.parametrize("spans", SPANS, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("where", ["trailer", "tensor"])
def test_any_timings_leave_the_call_its_events(spans: object, where: str) -> None:
    said = json.dumps(spans)
    wire = response_wire(node_timings=("BYTES", text(said.encode())))
    record = completed(end=call_end(server_timing_json=said)) if where == "trailer" else completed(responses=(wire,))

    _, recorded = answer_of(record)

    assert recorded.spans[0].span_id == SPAN_ID
    assert len(recorded.spans) <= 64
    assert all(span.end_time_us >= span.start_time_us for span in recorded.spans[1:])
    assert {span.kind for span in recorded.spans} <= set(get_args(SpanKind))


def test_a_duration_is_never_negative() -> None:
    end = call_end(end_time_us=NOON_US - 599_900_000, first_token_time_us=NOON_US - 1)

    event, _ = answer_of(completed(end=end))

    assert (event.latency_ms, event.time_to_first_token_ms) == (0.0, 0.0)


def test_what_the_gateway_itself_knows_survives_texts_that_no_event_can_hold() -> None:
    """The messages of a call are chosen by strangers: they never make a dead letter."""
    wire = response_wire(text_output=("BYTES", text(b"fine")))
    record = completed(wire=request_wire("x" * 9_000, "text_input"), wire_bytes=9, responses=(wire,))

    (small,) = read([pack(record)[HEAD.size :]], text_chars_max=65_536, message_bytes_max=3_000)

    assert small.error is None
    assert small.is_bare
    event, _ = events_in(small)
    assert isinstance(event, InferenceCompleted)
    assert (event.input_text, event.input_truncated, event.route) == ("", True, "docs-qa")


def test_payloads_are_read_together_as_each_of_them_alone() -> None:
    large = completed(wire=request_wire("x" * 9_000, "text_input"), wire_bytes=9)
    payloads = [
        b"none",
        *[pack(one)[HEAD.size :] for one in (completed(), large, completed(seq=-1), completed(call=None))],
    ]
    limits = {"text_chars_max": 65_536, "message_bytes_max": 3_000}

    together = read(payloads, **limits)

    assert repr(together) == repr([one for payload in payloads for one in read([payload], **limits)])
    assert [one.error is None for one in together] == [False, True, True, False, False]


@pytest.mark.parametrize("fields", [{"request_id": "no id"}, {"start_time_us": 2**62}, {"deadline_ms": "soon"}])
def test_facts_of_the_gateway_that_are_none_are_one_reason(fields: dict[str, Any]) -> None:
    one = read_back(completed(call=call(**fields), kind="requested"))

    assert (one.messages, one.record is not None) == ((), True)
    assert one.error is not None
    assert one.error.reason == "undecodable"
    assert isinstance(one.counted, Record)
    assert one.counted.call is None


WORDS = st.text(max_size=20) | st.sampled_from(["\ud800", "\x00", "e" * 300])
NUMBERS = st.integers() | st.floats() | st.booleans()
ANY_JSON = st.recursive(
    st.none() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(
    st.builds(
        lambda facts, times, wire, responses, timing: (facts, times, wire, responses, timing),
        st.fixed_dictionaries(
            {},
            optional={
                "tenant": WORDS | NUMBERS,
                "trace_id": WORDS | st.none(),
                "session_id": WORDS,
                "route": WORDS,
                "model": WORDS,
                "deadline_ms": st.none() | NUMBERS,
                "user_text": WORDS,
                "operation": WORDS,
            },
        ),
        st.fixed_dictionaries({}, optional={"end_time_us": NUMBERS, "status_code": NUMBERS, "error_message": WORDS}),
        st.binary(max_size=60) | ANY_JSON.map(lambda value: request_wire(json.dumps(value))),
        st.lists(
            st.binary(max_size=40)
            | st.builds(
                lambda name, kind, data: response_wire(**{name: (kind, data)}),
                st.sampled_from(["text_output", "passage_ids", "passage_scores", "output_tokens", "node_timings"]),
                st.sampled_from(["BYTES", "FP32", "FP64", "INT8", "INT64", "UINT64", "BOOL", "BF16", ""]),
                st.binary(max_size=24),
            ),
            max_size=3,
        ),
        ANY_JSON.map(json.dumps) | WORDS,
    )
)
def test_any_record_is_events_or_one_reason(parts: Any) -> None:
    facts, times, wire, responses, timing = parts
    record = completed(
        call=call(**facts), end=call_end(**times, server_timing_json=timing), wire=wire, responses=tuple(responses)
    )

    one = read_back(record)

    assert bool(one.messages) != (one.error is not None)
    events_in(one)


@given(ANY_JSON)
def test_loose_json_is_json_that_can_be_written_again(value: object) -> None:
    found = loose_json(json.dumps(value))

    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()


@given(st.text(alphabet='[]{}",:0123456789.eE-+ntfNaI \\ud', max_size=200))
def test_any_text_is_a_value_or_nothing(said: str) -> None:
    json.dumps(loose_json(said), allow_nan=False, ensure_ascii=False).encode()


@given(ANY_JSON.map(json.dumps) | st.text(alphabet='[]{}",:0123456789.eE-+ntfNaI \\ud\ud800é', max_size=200))
def test_a_plain_text_needs_no_second_look(said: str) -> None:
    assert loose_json(said) == carried(loose_json(said))


SPANS_SAID = st.lists(st.dictionaries(st.sampled_from(["name", "start_us", "kind"]), NUMBERS | WORDS, max_size=3))


@given(
    SPANS_SAID.map(json.dumps)
    | ANY_JSON.map(json.dumps)
    | st.text(alphabet='[]{}",:0123456789.eE-+ntfNaI \\ud\ud800é', max_size=200)
)
def test_objects_are_read_quickly_as_they_are_slowly_but_for_numbers_beyond_64_bits(said: str) -> None:
    value = loose_json(said)
    slow = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    quick = json_objects(said)

    if not re.search("[0-9]{19}", said):
        assert repr(quick) == repr(slow)
    assert [sorted(one) for one in quick] == [sorted(one) for one in slow]


@pytest.mark.parametrize("said", ['[{"a": NaN}]', '[{"a": 1e999}]', '[{"a": -Infinity}]'])
def test_what_is_no_number_is_null_in_an_object(said: str) -> None:
    assert json_objects(said) == [{"a": None}]


@pytest.mark.parametrize(
    "said", ["[" * 32 + "1" + "]" * 32, "[" * 33 + "1" + "]" * 33, "[" + "1," * 9_998 + "1]", "[1e999]"]
)
def test_no_text_near_a_limit_is_over_it(said: str) -> None:
    assert loose_json(said) == carried(json.loads(said))


def test_what_is_over_a_limit_is_null() -> None:
    assert loose_json("[" * DEPTH_MAX + "[[1]]" + "]" * DEPTH_MAX) is not None
    many = loose_json(json.dumps([7] * (2 * VALUES_MAX)))
    assert isinstance(many, list)
    assert many.count(None) >= VALUES_MAX
    assert loose_json('{"a": 9223372036854775808, "b": Infinity}') == {"a": None, "b": None}
    assert loose_json('"' + "x" * 2_000_000 + '"') is None
