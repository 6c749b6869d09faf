"""Spans that stock instrumentations sent, recorded once: a system and a user message, a stream, an error, embeddings, and the
span of the application around them. The version stands in the file's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from weir.events import Event, InferenceCompleted, InferenceRequested, SpansRecorded
from weir.otlp.core.events import Numbers, events_of
from weir.otlp.core.export import Refusals, spans_in
from weir.otlp.core.export_json import read_json
from weir.otlp.core.model_call import call_of
from weir.otlp.core.span import CheckedSpan, Origin, Times, checked

FOLDER = Path(__file__).parent / "spans"

TIMES = Times(1_795_000_000_000_000, 1_797_000_000_000_000)
"""November 2026, when they were recorded."""

NUMBERS = Numbers("otlp/1", 1_795_800_000_000_000, 0)

Call = tuple[InferenceRequested, InferenceCompleted, SpansRecorded]


def export_of(name: str) -> ExportTraceServiceRequest:
    """The request in a file."""
    refusals = Refusals()
    request = read_json((FOLDER / f"{name}.json").read_bytes(), refusals, 1_000)
    assert refusals.count == 0
    return request


def messages_of(request: ExportTraceServiceRequest) -> list[tuple[Message, Origin]]:
    """Its spans."""
    return [found for found in spans_in(request, 1_000, Refusals()) if found is not None]


def spans_of(name: str) -> list[CheckedSpan]:
    """The spans in a file."""
    return [checked(message, origin, TIMES) for message, origin in messages_of(export_of(name))]


def events(span: CheckedSpan, *, text_chars_max: int = 65_536) -> Sequence[Event]:
    """The events of a span."""
    made = events_of(span, call_of(span), "demo", NUMBERS, text_chars_max=text_chars_max)
    return [event for _, _, event in made]


def calls_of(name: str) -> list[Call]:
    """The calls of a file in their order: the conversation, the stream, the error, the embeddings."""
    found = list[Call]()
    for span in spans_of(name):
        made = events(span)
        if len(made) == 3:
            requested, completed, spans = made
            assert isinstance(requested, InferenceRequested)
            assert isinstance(completed, InferenceCompleted)
            assert isinstance(spans, SpansRecorded)
            found.append((requested, completed, spans))
    return found
