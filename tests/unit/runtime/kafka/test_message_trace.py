"""K13 over Kafka: what a caller said about its trace is in the headers of every message, and is read back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from harness.samples.builders import TRACE_ID, completed
from weir.events.trace_context import TraceContext, read_trace, read_traces
from weir.runtime.kafka.message_trace import kafka_headers, new_trace, read_or_new, trace_of_message

TOPIC = "inference-responses"
HEX = "0123456789abcdef"
IDS = st.text(HEX, min_size=32, max_size=32).filter(lambda text: bool(text.strip("0")))
SPAN_IDS = st.text(HEX, min_size=16, max_size=16).filter(lambda text: bool(text.strip("0")))
KEYS = st.from_regex(r"[a-z0-9][a-z0-9_\-*/@]{0,20}", fullmatch=True)
VALUES = st.from_regex(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,8}[\x21-\x2b\x2d-\x3c\x3e-\x7e]", fullmatch=True)
STATES = st.dictionaries(KEYS, VALUES, max_size=8).map(lambda items: ",".join(f"{k}={v}" for k, v in items.items()))
FLAGS = st.sampled_from(["00", "01", "02", "03"])


def refused(place: str) -> float:
    return REGISTRY.get_sample_value("weir_trace_contexts_refused_total", {"place": place}) or 0.0


@given(IDS, SPAN_IDS, FLAGS, STATES)
def test_any_valid_context_survives_the_log(trace_id: str, span_id: str, flags: str, state: str) -> None:
    said = read_trace(f"00-{trace_id}-{span_id}-{flags}", state)
    assert said is not None
    assert said.state == state

    assert trace_of_message(TOPIC, kafka_headers(said), completed()) == said


@given(st.lists(st.none() | st.builds(TraceContext, IDS, SPAN_IDS, FLAGS, STATES), max_size=5))
def test_the_contexts_of_many_calls_survive_one_envelope(traces: list[TraceContext | None]) -> None:
    parents = [trace.traceparent if trace else "" for trace in traces]
    states = [trace.state if trace else "" for trace in traces]

    assert read_traces(parents, states, len(traces)) == traces
    without = read_traces((), (), len(traces))
    assert without == [None] * len(traces)


@pytest.mark.capability("O14")
@pytest.mark.parametrize(
    "headers",
    [
        (("traceparent", b"nonsense"),),
        (("traceparent", b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01"),),
        (("traceparent", "ü".encode()),),
        tuple(kafka_headers(TraceContext("a" * 32, "b" * 16, "01")) * 2),
    ],
)
def test_a_header_that_is_not_valid_begins_a_new_trace_and_is_counted(headers: tuple[tuple[str, bytes], ...]) -> None:
    before = refused(TOPIC)

    found = trace_of_message(TOPIC, headers, completed())

    assert found is not None
    assert found.trace_id not in ("a" * 32, "0" * 32, TRACE_ID)
    assert (found.parent_span_id, found.flags, found.state) == ("", "01", "")
    assert refused(TOPIC) == before + 1


def test_a_message_from_before_headers_says_its_trace_in_the_event() -> None:
    event = completed()

    assert trace_of_message(TOPIC, (), event) == TraceContext(event.trace_id, event.span_id, "01")


def test_a_message_of_no_span_has_no_headers() -> None:
    assert kafka_headers(None) == kafka_headers(new_trace()) == ()


def test_a_call_without_a_context_begins_a_trace_and_is_not_counted_as_wrong() -> None:
    before = refused("gateway")

    assert read_or_new("gateway", "", "").parent_span_id == ""
    assert refused("gateway") == before
    assert read_or_new("gateway", "wrong", "").parent_span_id == ""
    assert refused("gateway") == before + 1
