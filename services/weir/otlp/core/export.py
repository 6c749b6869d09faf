"""One export request: its spans one by one, within bounds, and what is said of those that were refused.

Law: a request that can be read at all is answered, whatever its spans hold; each span is taken or refused, and both are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from weir.otlp.core.span import Origin, RefusedWord, SpanRefused, origin_of

SAID_MAX = 4
"""Reasons of which an answer quotes one span each. The others are counted in the metric."""

TEXT_CHARS_MAX = 1_024
"""Characters of an answer's error message. Arbitrary; any value from 256 to 4,096 would do: SDKs log it."""


class UnreadableExport(Exception):
    """A body that is no export request. The text says why, and never quotes the body."""


@dataclass
class Refusals:
    """Spans that were refused, by reason, and one of each."""

    counts: Counter[RefusedWord] = field(default_factory=Counter)
    said: dict[RefusedWord, str] = field(default_factory=dict)

    def add(self, refused: SpanRefused, count: int = 1) -> None:
        """Some spans are refused for one reason."""
        self.counts[refused.reason] += count
        if len(self.said) < SAID_MAX:
            self.said.setdefault(refused.reason, str(refused))

    @property
    def count(self) -> int:
        """Spans refused."""
        return self.counts.total()

    @property
    def text(self) -> str:
        """For partial_success.error_message; empty when nothing was refused."""
        parts = [
            f"{self.counts[reason]} spans refused ({reason}), the first: {text}" for reason, text in self.said.items()
        ]
        return "; ".join(parts)[:TEXT_CHARS_MAX]


def read_protobuf(body: bytes) -> ExportTraceServiceRequest:
    """The request of a protobuf body. Raises UnreadableExport."""
    try:
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        return request
    except DecodeError as error:
        raise UnreadableExport(
            f"the {len(body)} bytes are no ExportTraceServiceRequest: {type(error).__name__}"
        ) from None


def spans_in(
    request: ExportTraceServiceRequest, spans_max: int, refusals: Refusals
) -> Iterator[tuple[Message, Origin]]:
    """The spans of a request with what they share, the first `spans_max`; those after them are refused together.

    Resources and scopes count as well: a request of a million empty ones costs no more.
    """
    left = spans_max
    beyond = 0
    for resource_spans in request.resource_spans:
        left -= 1
        for scope_spans in resource_spans.scope_spans:
            left -= 1
            if left <= 0:
                beyond += len(scope_spans.spans)
                continue
            origin = origin_of(resource_spans.resource, scope_spans.scope)
            for message in scope_spans.spans[:left]:
                yield message, origin
            beyond += max(0, len(scope_spans.spans) - left)
            left -= len(scope_spans.spans)
    if beyond:
        text = f"a request may hold {spans_max} spans, resources and scopes (WEIR_OTLP_SPANS_MAX); send smaller batches"
        refusals.add(SpanRefused("too_many", text), beyond)
