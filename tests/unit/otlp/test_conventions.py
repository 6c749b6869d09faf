"""Three conventions, five recordings of stock instrumentations: each gives the same events of the same calls."""

from __future__ import annotations

import json

import pytest

from unit.otlp.recorded import Call, calls_of, spans_of
from unit.otlp.recorded import events as events_of_span
from weir.events import SpansRecorded, derived_id
from weir.events.codec import encode_checked

WITH_WORDS = ("openinference-0.1.66", "openllmetry-0.62.4", "openllmetry-0.40.9", "openai-v2-2.4b0")
RECORDED = (*WITH_WORDS, "openai-v2-2.4b0-without-content")

pytestmark = pytest.mark.capability("U3")


@pytest.fixture(params=RECORDED)
def calls(request: pytest.FixtureRequest) -> list[Call]:
    return calls_of(request.param)


@pytest.mark.parametrize("name", WITH_WORDS)
def test_the_words_of_a_conversation_are_those_of_the_caller_and_the_model(name: str) -> None:
    requested, completed, _ = calls_of(name)[0]

    asked = "system: Answer in one sentence.\nuser: What is the capital of France?"
    assert (requested.input_text, requested.user_text) == (asked, "What is the capital of France?")
    assert (completed.input_text, completed.output_text) == (asked, "Paris is the capital of France.")
    assert calls_of(name)[1][1].output_text == "Paris is the capital."
    assert calls_of(name)[2][0].user_text == "Hi"


def test_the_facts_of_a_call_are_the_same_in_every_convention(calls: list[Call]) -> None:
    requested, completed, spans = calls[0]

    assert (requested.protocol, requested.operation, requested.route) == ("otlp", "chat", "gpt-4.1")
    assert completed.model == "gpt-4.1-2025-04-14"
    assert (completed.outcome, completed.status_code, completed.finish_reason) == ("ok", 0, "stop")
    assert (completed.input_tokens, completed.output_tokens) == (19, 7)
    assert completed.client_request_id == "chatcmpl-B9MBs8Cjc"
    parameters = json.loads(completed.parameters_json)
    assert (parameters["temperature"], parameters["max_tokens"]) == (0.2, 50)
    assert completed.latency_ms == (spans.spans[0].end_time_us - spans.spans[0].start_time_us) / 1_000
    assert spans.spans[0].service == "shop"


def test_an_error_is_a_failed_call_with_its_type(calls: list[Call]) -> None:
    _, completed, spans = calls[2]

    assert (completed.outcome, completed.route, completed.output_text) == ("failed", "gone", "")
    assert completed.error_type in ("NotFoundError", "openai.NotFoundError", "_OTHER")  # OpenLLMetry 0.40 names none
    assert "no such model" in completed.error_message
    assert (completed.input_tokens, completed.output_tokens, completed.seed) == (None, None, None)
    assert spans.spans[0].status == "error"


def test_embeddings_are_calls_without_an_answer_in_words(calls: list[Call]) -> None:
    _, completed, _ = calls[3]

    assert (completed.operation, completed.route) == ("embeddings", "text-embedding-3-small")
    assert (completed.output_text, completed.input_tokens, completed.output_tokens) == ("", 5, None)


@pytest.mark.parametrize("name", WITH_WORDS)
def test_no_span_of_a_call_holds_its_words(name: str) -> None:
    for _, _, spans in calls_of(name):
        said = json.dumps(dict(spans.spans[0].attributes))
        assert not any(word in said for word in ("capital", "Answer in one", "Paris", 'Hi"'))


def test_the_events_of_a_call_name_each_other_as_those_of_the_gateway_do(calls: list[Call]) -> None:
    for requested, completed, spans in calls:
        assert completed.request_event_id == requested.event_id == derived_id(requested.request_id, "requested")
        assert (completed.request_id, spans.request_id) == (requested.request_id, requested.request_id)
        assert [requested.seq, completed.seq, spans.seq] == [0, 1, 2]
        assert {requested.trace_id, completed.trace_id, spans.trace_id} == {requested.trace_id}
        assert spans.spans[0].span_id == completed.span_id


@pytest.mark.parametrize("name", RECORDED)
def test_every_event_can_be_stored(name: str) -> None:
    assert all(encode_checked(event) for span in spans_of(name) for event in events_of_span(span))


@pytest.mark.parametrize("name", RECORDED)
def test_the_span_of_the_application_is_a_span_with_its_own_attributes(name: str) -> None:
    [[spans]] = [made for span in spans_of(name) if len(made := events_of_span(span)) == 1]

    assert isinstance(spans, SpansRecorded)
    assert (spans.request_id, spans.route, spans.spans[0].name) == ("", "", "answer customer")
    assert spans.spans[0].attributes["customer.tier"] == "gold"
    assert spans.spans[0].attributes["resource.telemetry.sdk.language"] == "python"


@pytest.mark.parametrize("name", ["openinference-0.1.66", "openllmetry-0.62.4"])
def test_the_first_token_is_known_where_a_convention_says_when_it_came(name: str) -> None:
    _, completed, _ = calls_of(name)[1]

    assert completed.time_to_first_token_ms is not None
    assert 0 < completed.time_to_first_token_ms <= completed.latency_ms
    assert calls_of(name)[0][1].time_to_first_token_ms is None
