"""What is taken of spans and what is refused: laws over any span message, and each refusal by its name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from unit.otlp.made_spans import NOON_US, NS_PER_US, chat, pairs_of, span
from weir.access.request_ids import is_issued, issued_id
from weir.capture.frames import HEAD
from weir.events import TOPICS, Event, InferenceCompleted, InvalidEvent, Span, SpansRecorded, decode_body
from weir.otlp.core.attributes import ATTRIBUTES_CHARS_MAX, ATTRIBUTES_MAX, CUT, EVENTS, EVENTS_CHARS_MAX, LINKS
from weir.otlp.core.events import Numbers
from weir.otlp.core.record import SpanRecord, pack, unpack
from weir.otlp.core.recording import Records, Rules, record_of
from weir.otlp.core.span import SpanRefused, Times, origin_of

ORIGIN = origin_of(Resource(attributes=pairs_of({"service.name": "shop"})), InstrumentationScope(name="tests"))
TIMES = Times(NOON_US - 604_800_000_000, NOON_US + 300_000_000)
SECRET = b"s" * 32
RULES = Rules(
    "demo", lambda _: True, TIMES, text_chars_max=1_000, message_bytes_max=4_194_304,
    is_issued=lambda text: is_issued(text, "demo", SECRET),
)  # fmt: skip
NUMBERS = Numbers("otlp/1", NOON_US, 7)

pytestmark = pytest.mark.capability("U3")


def taken(message: Message, rules: Rules = RULES, numbers: Numbers = NUMBERS) -> SpanRecord:
    return record_of(message, ORIGIN, rules, numbers).record


def events(message: Message, rules: Rules = RULES) -> list[Event]:
    return [decode_body(TOPICS[topic].event, body) for topic, _, body in taken(message, rules).messages]


def stored(message: Message) -> Span:
    last = events(message)[-1]
    assert isinstance(last, SpansRecorded)
    return last.spans[0]


def refused(message: Message, rules: Rules = RULES) -> SpanRefused:
    with pytest.raises(SpanRefused) as caught:
        taken(message, rules)
    return caught.value


PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.text(max_size=20) | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.booleans() | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(max_size=12) | st.sampled_from(
    [
        "gen_ai.operation.name", "gen_ai.request.model", "gen_ai.input.messages", "gen_ai.output.messages", "weir.links",
        "gen_ai.usage.input_tokens", "gen_ai.request.seed", "gen_ai.prompt.0.content", "gen_ai.completion.9.role",
        "llm.input_messages.3.message.content", "llm.invocation_parameters", "openinference.span.kind", "llm.model_name",
        "input.value", "output.value", "gen_ai.response.finish_reasons", "gen_ai.response.time_to_first_chunk",
    ]
)  # fmt: skip
WORDS = PLAIN | st.sampled_from(
    ["chat", "LLM", "embeddings", "gpt", '[{"role":"user","parts":[{"content":"x"}]}]', "[" * 300]
)
ATTRIBUTES = st.dictionaries(NAMES, WORDS, max_size=8)
MESSAGES = st.builds(
    lambda attributes, more, fields: span(
        {**attributes, **more}, **fields, events=[Message.Event(name="gen_ai.choice", attributes=pairs_of(attributes))]
    ),
    ATTRIBUTES,
    st.just({}) | st.just({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt"}),
    st.fixed_dictionaries(
        {},
        optional={
            "trace_id": st.binary(max_size=20),
            "span_id": st.binary(max_size=10),
            "parent_span_id": st.binary(max_size=10),
            "start_time_unix_nano": st.integers(0, 2**64 - 1),
            "end_time_unix_nano": st.integers(0, 2**64 - 1),
            "name": st.text(max_size=300),
            "kind": st.integers(0, 9),
            "flags": st.integers(0, 2**32 - 1),
            "trace_state": st.text(max_size=40),
            "dropped_attributes_count": st.integers(0, 2**32 - 1),
        },
    ),
)


@given(MESSAGES)
def test_any_span_is_taken_or_refused_and_what_is_taken_can_be_stored(message: Message) -> None:
    try:
        record = taken(message)
    except SpanRefused:
        return
    assert [event.seq for event in events(message)] == [7 + index for index in range(record.numbers_taken)]


@given(MESSAGES, st.integers(0, 10**6), st.integers(1, 2**48 - 4))
def test_sent_again_a_span_has_the_same_ids_whoever_numbers_it(message: Message, seq: int, boot_epoch: int) -> None:
    try:
        first = events(message)
    except SpanRefused:
        return
    again = taken(message, numbers=Numbers("otlp/2", boot_epoch, seq))
    ids = [decode_body(TOPICS[topic].event, body).event_id for topic, _, body in again.messages]
    assert ids == [event.event_id for event in first]
    assert len(set(ids)) == len(ids)


@given(MESSAGES)
def test_a_record_comes_back_from_its_bytes(message: Message) -> None:
    try:
        record = taken(message)
    except SpanRefused:
        return
    payload = pack(record, "a" * 16)[HEAD.size :]

    assert unpack(payload) == record
    [read] = Records().read([payload])
    assert (read.messages, read.spans) == (record.messages, None)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_record_are_one_reason(payload: bytes) -> None:
    [read] = Records().read([payload])

    assert read.error is not None
    assert (read.record, read.error.reason) == (None, "undecodable")


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "gap"), ("seq", -1), ("seq", "1"), ("source", "x" * 201), ("boot_epoch", 2**62), ("messages", []),
     ("messages", [["nowhere", "k", 0]]), ("messages", [["spans", "k", 5]]), ("traceparent", "00-0-0-00")],
)  # fmt: skip
def test_a_record_with_a_wrong_field_is_none(field: str, value: object) -> None:
    head = {
        "kind": "span", "source": "otlp/1", "boot_epoch": NOON_US, "seq": 0, "tracestate": "",
        "traceparent": f"00-{'1' * 32}-{'1' * 16}-01", "messages": [["spans", "k", 0]],
    }  # fmt: skip
    written = json.dumps({**head, field: value}).encode()

    with pytest.raises(InvalidEvent, match="spool"):
        unpack(len(written).to_bytes(4, "little") + written)


@pytest.mark.parametrize(
    ("fields", "reason", "said"),
    [
        ({"trace_id": b""}, "ids", "trace_id is empty"),
        ({"trace_id": b"\0" * 16}, "ids", "not all zero"),
        ({"span_id": b"\1" * 7}, "ids", "span_id is 01010101010101"),
        ({"parent_span_id": b"\1" * 9}, "ids", "parent_span_id"),
        ({"start_time_unix_nano": 0}, "time", "start_time_unix_nano is 0; taken are"),
        ({"end_time_unix_nano": 2**63 + 10**15}, "time", "end_time_unix_nano"),
        ({"end_time_unix_nano": (NOON_US + 301_000_000) * NS_PER_US}, "time", "WEIR_OTLP_AHEAD_S_MAX"),
    ],
)
def test_a_span_that_cannot_be_is_refused_by_name(fields: dict[str, Any], reason: str, said: str) -> None:
    refusal = refused(span(**fields))

    assert refusal.reason == reason
    assert said in str(refusal)


def test_a_model_that_is_named_at_length_is_refused() -> None:
    assert "300 characters" in str(refused(chat(gen_ai__request__model="m" * 300)))


def test_a_key_reports_of_its_own_routes_and_of_spans_that_are_no_calls() -> None:
    narrow = replace(RULES, may_report=lambda route: route == "other")

    assert refused(chat(), narrow).reason == "route"
    assert len(events(span(), narrow)) == 1


def test_an_event_that_no_consumer_would_decode_is_refused() -> None:
    small = replace(RULES, message_bytes_max=200)

    assert refused(chat(gen_ai__prompt="word " * 100), small).reason == "not_storable"


def test_a_call_of_the_gateway_is_not_recorded_again_as_one_and_its_words_are_on_no_span() -> None:
    answer = f"chatcmpl-{issued_id(NOON_US, 7, 'demo', SECRET)}"
    seen = chat(gen_ai__response__id=answer, gen_ai__input__messages='[{"role":"user","parts":[{"content":"secret"}]}]')

    [spans] = events(seen)

    assert isinstance(spans, SpansRecorded)
    assert spans.spans[0].attributes["gen_ai.response.id"] == answer
    assert "secret" not in str(spans)


@pytest.mark.parametrize("prefix", ["chatcmpl-", "cmpl-", ""])
def test_a_call_of_another_provider_is_a_call_though_its_id_has_the_form_of_ours(prefix: str) -> None:
    of_another_tenant = issued_id(NOON_US, 7, "other", SECRET)
    for answer in ("01890a5d-ac96-774b-bcce-b302099a8057", of_another_tenant):
        completed = events(chat(gen_ai__response__id=f"{prefix}{answer}"))[1]

        assert isinstance(completed, InferenceCompleted)
        assert completed.client_request_id == f"{prefix}{answer}"


TIMES_TO_TOKEN = st.floats(allow_nan=True) | st.integers(-(2**63), 2**63 - 1) | st.floats(0, 0.3)


@given(TIMES_TO_TOKEN, st.integers(0, 10**6))
@example(5.0, 1_000)
@example(1e308, 1_000)
@example(0.25, 250_000)
def test_the_first_token_came_within_the_call_or_is_not_known(seconds: float, duration_us: int) -> None:
    said = chat(gen_ai__response__time_to_first_chunk=seconds)
    said.end_time_unix_nano = (NOON_US + duration_us) * NS_PER_US

    completed = events(said)[1]

    assert isinstance(completed, InferenceCompleted)
    if 0 <= seconds <= duration_us / 1_000_000:
        assert completed.time_to_first_token_ms == pytest.approx(seconds * 1_000, abs=0.001)
    if completed.time_to_first_token_ms is not None:
        assert 0 <= completed.time_to_first_token_ms <= completed.latency_ms


@given(st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)), st.tuples(st.integers(0, 3_000), st.integers(0, 3_000)))
@example((0, 3_000), (1, 3_000))
def test_two_spans_with_other_times_have_other_ids_by_the_microsecond(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    found = []
    for start_us, end_us in (first, second):
        timed = span(start_time_unix_nano=(NOON_US + start_us) * NS_PER_US)
        timed.end_time_unix_nano = (NOON_US + max(start_us, end_us)) * NS_PER_US
        found.append((events(timed)[0].event_id, timed.start_time_unix_nano, timed.end_time_unix_nano))

    assert (found[0][0] == found[1][0]) is (found[0][1:] == found[1][1:])


def test_attributes_are_capped_by_count_and_what_is_cut_is_counted_and_named() -> None:
    kept = stored(span({f"a.{index:03}": "x" for index in range(300)})).attributes

    assert len(kept) <= ATTRIBUTES_MAX + 5
    assert kept["a.000"] == "x"
    said = json.loads(kept[CUT])
    assert said["attributes"] == 300 - ATTRIBUTES_MAX
    assert said["names"][0] == f"a.{ATTRIBUTES_MAX:03}"


def test_attributes_are_capped_by_size_and_what_is_cut_is_named() -> None:
    kept = stored(span({f"a.{index:02}": "x" * 20_000 for index in range(40)})).attributes

    assert sum(map(len, kept.values())) < ATTRIBUTES_CHARS_MAX + 2_000
    assert "a.00" in json.loads(kept[CUT])["names"]


@given(st.lists(st.text(max_size=3_000), max_size=30), st.integers(0, 200))
def test_events_of_a_span_are_kept_within_a_bound(texts: list[str], more: int) -> None:
    told = [Message.Event(name="log", attributes=pairs_of({"text": text})) for text in texts] + [Message.Event()] * more
    kept = stored(span(events=told)).attributes

    found = json.loads(kept[EVENTS]) if EVENTS in kept else []
    assert len(kept.get(EVENTS, "")) <= EVENTS_CHARS_MAX + 200
    assert len(found) + json.loads(kept.get(CUT, "{}")).get("events", 0) == len(told)


def test_what_the_sender_dropped_and_a_clock_that_went_back_are_said() -> None:
    back = span(end_time_unix_nano=(NOON_US - 50) * NS_PER_US, dropped_attributes_count=3)

    assert stored(back).end_time_us == NOON_US
    said = json.loads(stored(back).attributes[CUT])
    assert said == {"attributes dropped by the sender": 3, "microseconds before its start": 50}


def test_names_of_weir_are_not_for_senders() -> None:
    assert stored(span({"weir.links": "forged"})).attributes["otlp.weir.links"] == "forged"
    assert LINKS not in stored(span({"weir.links": "forged"})).attributes


def test_a_link_is_a_traceparent() -> None:
    linked = span(
        links=[Message.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8, flags=1), Message.Link(span_id=b"\2" * 8)]
    )

    assert stored(linked).attributes[LINKS] == f"00-{'01' * 16}-{'02' * 8}-01"


def test_values_of_every_type_are_text() -> None:
    kept = stored(span({"n": 7, "x": 0.5, "b": True, "s": "text", "l": ["a", 1], "m": {"k": "v"}, "y": b"\xff"}))

    assert {name: kept.attributes[name] for name in "nxbslmy"} == {
        "n": "7", "x": "0.5", "b": "true", "s": "text", "l": '["a",1]', "m": '{"k":"v"}', "y": "/w==",
    }  # fmt: skip


def test_tool_calls_and_other_parts_are_not_left_out() -> None:
    asked = [{"role": "assistant", "parts": [{"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}}]}]

    completed = events(chat(gen_ai__input__messages=json.dumps(asked)))[1]

    assert isinstance(completed, InferenceCompleted)
    assert '"name":"weather"' in completed.input_text


def test_a_text_is_cut_at_the_limit_and_says_so() -> None:
    completed = events(chat(gen_ai__prompt="é" * 2_000))[1]

    assert isinstance(completed, InferenceCompleted)
    assert (len(completed.input_text), completed.input_truncated) == (1_000, True)


def test_older_events_of_messages_are_read() -> None:
    message = chat()
    message.events.add(name="gen_ai.user.message", attributes=pairs_of({"content": "Why?"}))
    message.events.add(
        name="gen_ai.choice", attributes=pairs_of({"message": '{"content":"So."}', "finish_reason": "stop"})
    )

    completed = events(message)[1]

    assert isinstance(completed, InferenceCompleted)
    assert (completed.user_text, completed.output_text, completed.finish_reason) == ("Why?", "So.", "stop")


def test_counts_that_are_none_are_unknown() -> None:
    usage = {"gen_ai__usage__input_tokens": -1, "gen_ai__usage__output_tokens": 2**40, "gen_ai__request__seed": 1.5}
    completed = events(chat(**usage))[1]

    assert isinstance(completed, InferenceCompleted)
    assert (completed.input_tokens, completed.output_tokens, completed.seed) == (None, None, None)


def test_the_span_keeps_a_count_that_is_none() -> None:
    message = chat(gen_ai__usage__input_tokens="nine", gen_ai__usage__output_tokens=-5)
    completed = events(message)[1]

    assert isinstance(completed, InferenceCompleted)
    assert (completed.input_tokens, completed.output_tokens) == (None, None)
    kept = stored(message).attributes
    assert (kept["gen_ai.usage.input_tokens"], kept["gen_ai.usage.output_tokens"]) == ("nine", "-5")


def test_a_failure_without_a_type_says_other() -> None:
    message = chat()
    message.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message="it broke"))

    completed = events(message)[1]

    assert isinstance(completed, InferenceCompleted)
    assert (completed.error_type, completed.error_message) == ("_OTHER", "it broke")
