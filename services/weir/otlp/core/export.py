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

from weir.otlp.core.span import Origin, RefusedWord, SpanRefused, of_scope, origin_of_resource

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


Shared = tuple[Message, Origin]
"""A span with what it shares with others."""


def spans_in(request: ExportTraceServiceRequest, spans_max: int, refusals: Refusals) -> Iterator[Shared | None]:
    """The spans of a request, the first `spans_max`; those after them are refused together.

    None stands for a resource or scope that was looked at. These count as well: a request of a million empty ones costs no more.
    What a resource says is read once, and only where one of its scopes has a span.
    """
    left, beyond = spans_max, 0
    for resource_spans in request.resource_spans:
        left -= 1
        of_resource: Origin | None = None
        yield None
        for scope_spans in resource_spans.scope_spans:
            left -= 1
            yield None
            count = len(scope_spans.spans)
            taken = min(count, max(0, left))
            if taken:
                of_resource = of_resource or origin_of_resource(resource_spans.resource)
                origin = of_scope(of_resource, scope_spans.scope)
                for message in scope_spans.spans[:taken]:
                    yield message, origin
            left -= taken
            beyond += count - taken
    refuse_beyond(beyond, spans_max, refusals)


def refuse_beyond(beyond: int, spans_max: int, refusals: Refusals) -> None:
    """Refuse so many spans together, because they stood after the first `spans_max` of what a request may hold."""
    if beyond:
        text = f"a request may hold {spans_max} spans, resources and scopes (WEIR_OTLP_SPANS_MAX); send smaller batches"
        refusals.add(SpanRefused("too_many", text), beyond)
