"""What a stored span keeps of a span's attributes: as text, capped by count and size; what is cut is counted and named.

Law: of any span the kept names and texts stay below `ATTRIBUTES_CHARS_MAX` and a few hundred characters of notes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from weir.otlp.core.cut import together
from weir.otlp.core.span import CheckedSpan, SpanEvent
from weir.otlp.core.values import text_of

ATTRIBUTES_MAX = 128
"""Attributes kept of a span: the default limit of OpenTelemetry's SDKs (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT)."""

VALUE_CHARS_MAX = 8_192
"""Characters kept of one attribute. Chosen: as much as is kept of a passage; a stack trace has about 4,000."""

RESOURCE_CHARS_MAX = 256
"""Characters kept of one attribute of a resource, because it is written again with each span."""

ATTRIBUTES_CHARS_MAX = 65_536
"""Characters kept of all attributes of a span. Chosen: as many as of a prompt."""

EVENTS_CHARS_MAX = 16_384
"""Characters kept of all events of a span, as JSON. Chosen: four exceptions with their stack traces."""

NAMED_MAX = 16
"""Names of cut attributes that a span says; the others are counted."""

LINKS, EVENTS, CUT = "weir.links", "weir.otlp.events", "weir.otlp.cut"
"""Attributes that Weir adds: links as traceparents (as on Weir's own spans), events as JSON, and what is not kept as JSON."""

RESERVED = "weir."
"""Begins the names that Weir alone writes; a sender's are kept behind `otlp.`."""

WORDS_OF_CALLS = re.compile(
    r"gen_ai\.(input\.messages|output\.messages|system_instructions|tool\.definitions|prompt|completion)"
    r"|gen_ai\.(prompt|completion)\.[0-9].*|llm\.(input_messages|output_messages|prompts|tools|invocation_parameters)(\..*)?"
    r"|(input|output)\.value|embedding\.(text|embeddings\..*)|traceloop\.entity\.(input|output)"
)
"""Attributes of a model call that hold its words: they are in the events of the call, and not on its span."""

WORDY_EVENTS = re.compile(r"gen_ai\.(.*\.message|choice|content\..*|client\.inference\.operation\.details)")
"""Events of a model call that hold its words."""


class _Keeper:
    """Keeps attributes while there is room."""

    def __init__(self, cut: Mapping[str, int]) -> None:
        self.kept: dict[str, str] = {}
        self.left = ATTRIBUTES_CHARS_MAX
        self.counts = dict(cut)
        self.names: list[str] = []

    def keep(self, name: str, value: AnyValue, chars_max: int) -> None:
        """Keep one attribute, or count and name it."""
        room = min(chars_max, self.left - len(name))
        if name in self.kept or len(self.kept) >= ATTRIBUTES_MAX or room <= 0:
            self._note("attributes", name)
            return
        text, is_cut = text_of(value, room)
        if is_cut:
            self._note("values", name)
        self.kept[name] = text
        self.left -= len(name) + len(text)

    def add(self, name: str, text: str, chars_max: int | None = None) -> None:
        """Keep what Weir adds, in place of what a sender calls so; empty texts say nothing."""
        if not text:
            return
        if name in self.kept:
            self._note("attributes", name)
        kept = text[:chars_max]
        if len(kept) < len(text):
            self._note("values", name)
        self.kept[name] = kept

    def count(self, cut: Mapping[str, int]) -> None:
        """So much more is not kept."""
        self.counts = together(self.counts, cut)

    def _note(self, what: str, name: str) -> None:
        self.count({what: 1})
        if len(self.names) < NAMED_MAX:
            self.names.append(name)

    def cut_note(self) -> str:
        """What is missing, as JSON; empty for nothing."""
        if not self.counts:
            return ""
        return json.dumps({**self.counts, "names": self.names} if self.names else self.counts, ensure_ascii=False)


def kept_attributes(span: CheckedSpan, *, is_call: bool) -> dict[str, str]:
    """The attributes of the stored span; `weir.otlp.cut` says how much is not among them, by what it was.

    is_call: whether the span is a call that is recorded; its words then stand in the events of the call alone.
    """
    keeper = _Keeper(span.cut)
    for name, value in span.attributes.items():
        if not (is_call and WORDS_OF_CALLS.fullmatch(name)):
            keeper.keep(f"otlp.{name}" if name.startswith(RESERVED) else name, value, VALUE_CHARS_MAX)
    for name, value in span.origin.attributes.items():
        keeper.keep(f"resource.{name}", value, RESOURCE_CHARS_MAX)
    events = [one for one in span.events if not (is_call and WORDY_EVENTS.fullmatch(one.name))]
    keeper.add("otel.scope", span.origin.scope)
    keeper.add("otel.status_description", span.status_message, VALUE_CHARS_MAX)
    _keep_events(keeper, events, span.events_beyond)
    keeper.add(LINKS, " ".join(span.links))
    keeper.add(CUT, keeper.cut_note())
    return keeper.kept


def _keep_events(keeper: _Keeper, events: Sequence[SpanEvent], beyond: int) -> None:
    """Keep the first events that fit, each as a JSON object. beyond: events that were not read."""
    written, left = list[str](), EVENTS_CHARS_MAX
    for event in events:
        text, cut = _written(event)
        if len(text) > left:
            break
        left -= len(text)
        written.append(text)
        keeper.count(cut)
    if lost := len(events) - len(written) + beyond:
        keeper.count({"events": lost})
    keeper.add(EVENTS, f"[{','.join(written)}]" if written else "")


def _written(event: SpanEvent) -> tuple[str, Mapping[str, int]]:
    """An event as JSON, and what is not kept of it."""
    found = {name: text_of(value, VALUE_CHARS_MAX) for name, value in event.attributes.items()}
    texts = {name: text for name, (text, _) in found.items()}
    text = json.dumps(
        {"name": event.name, "time_us": event.time_us, "attributes": texts}, ensure_ascii=False, separators=(",", ":")
    )
    values = sum(is_cut for _, is_cut in found.values())
    return text, together(event.cut, {"values of events": values} if values else {})
