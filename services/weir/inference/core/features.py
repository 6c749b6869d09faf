"""Feature envelopes: from completed calls to one `TextFeaturesComputed` for each monitored stream.

The prompt of every call is measured, the answer only where the call ended well. Calls without a user's text say
nothing about the traffic and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weir.events import FeatureItem, InferenceCompleted, TextFeaturesComputed, derived_id
from weir.events.coin import is_chosen
from weir.events.trace_context import TraceContext
from weir.inference.core.statistics import features_of
from weir.inference.core.vectors import FloatVector

ITEMS_MAX = 256
"""Items in one envelope; specified by the event TextFeaturesComputed."""

ENVELOPE_BYTES_MAX = 524_288
"""Encoded bytes of one envelope, unless a single item has more. Chosen: half of what consumers decode by default."""

FIXED_BYTES = 512
"""Bytes of an item besides texts, embeddings and references: ids, traceparent, numbers, digest. Counted and rounded up."""

LENGTH_BYTES = 3
"""Bytes of a string's length, at most, for strings up to a megabyte. Specified by Avro."""

FLOAT_BYTES = 4
"""Bytes of a float32."""

OPERATIONS_WITHOUT_TEXT = frozenset({"embeddings"})
"""Operations whose input is data to be embedded, not what a user asks."""

Embedding = Callable[[str], FloatVector | None]
"""The embedding of a text, None when it was not embedded."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is computed, and how it is named in the event."""

    embedding_model: str
    embedding_dimensions: int
    embed_sample_rate: float
    """Share of calls that are embedded, 0 to 1."""
    embed_salt: str
    embed_chars_max: int
    """Characters of a text that are embedded."""


def skip_reason(event: InferenceCompleted) -> str:
    """Why a call has no features: `operation`, `no_text`, or empty when it has some."""
    if event.operation in OPERATIONS_WITHOUT_TEXT:
        return "operation"
    return "" if event.user_text else "no_text"


def answer_of(event: InferenceCompleted) -> str:
    """The answer of a call that ended well; empty for any other."""
    return event.output_text if event.outcome == "ok" else ""


def is_embedded(event: InferenceCompleted, plan: Plan) -> bool:
    """Whether the texts of this call are embedded."""
    return is_chosen(event.request_id, plan.embed_salt, plan.embed_sample_rate)


def texts_to_embed(events: Sequence[InferenceCompleted], plan: Plan) -> list[str]:
    """The distinct texts, cut to the limit, whose embeddings the envelopes of `events` need; prompts come first."""
    sampled = [event for event in events if is_embedded(event, plan)]
    texts = [*(event.user_text for event in sampled), *map(answer_of, sampled)]
    return list(dict.fromkeys(text[: plan.embed_chars_max] for text in texts if text.strip()))


NO_TRACES: Mapping[str, TraceContext] = {}


def envelopes(
    events: Sequence[InferenceCompleted],
    embedding: Embedding,
    plan: Plan,
    traces: Mapping[str, TraceContext] = NO_TRACES,
) -> list[tuple[str, TextFeaturesComputed]]:
    """(key, envelope without a number) pairs: one for each stream, more where ITEMS_MAX or ENVELOPE_BYTES_MAX cut it.

    Items are in order. Event ids derive from the first item's response event and the number of items, so the same
    batch gives the same ids; a replay that cuts the batch elsewhere gives others. Deduplicate by
    `item.response_event_id`.
    traces: contexts of the events by their ids; they go on with the items as they came.
    """
    streams: dict[tuple[str, str], list[FeatureItem]] = {}
    for event in events:
        streams.setdefault((event.tenant, event.route), []).append(_item(event, embedding, plan))
    return [
        (f"{tenant}/{route}", _envelope(tenant, route, part, plan, traces))
        for (tenant, route), items in streams.items()
        for part in _parts(items, traces)
    ]


def _parts(items: Sequence[FeatureItem], traces: Mapping[str, TraceContext]) -> Iterator[list[FeatureItem]]:
    part: list[FeatureItem] = []
    part_bytes = 0
    for item in items:
        trace = traces.get(item.response_event_id)
        item_bytes = _bytes_of(item) + len(trace.state if trace else "")
        if part and (len(part) == ITEMS_MAX or part_bytes + item_bytes > ENVELOPE_BYTES_MAX):
            yield part
            part, part_bytes = [], 0
        part.append(item)
        part_bytes += item_bytes
    if part:
        yield part


def _bytes_of(item: FeatureItem) -> int:
    """An upper estimate of an item's encoded size, bytes."""
    texts = [item.prompt, item.answer]
    tokens = sum(len(token.encode()) + LENGTH_BYTES for text in texts for token in text.tokens)
    embeddings = sum(FLOAT_BYTES * len(text.embedding) for text in texts)
    references = sum(
        len(f"{one.kind}{one.name}{one.version}{one.digest}".encode()) + 4 * LENGTH_BYTES for one in item.references
    )
    return FIXED_BYTES + len(item.session_id.encode()) + tokens + embeddings + references


def _envelope(
    tenant: str,
    route: str,
    items: Sequence[FeatureItem],
    plan: Plan,
    traces: Mapping[str, TraceContext],
) -> TextFeaturesComputed:
    found = [traces.get(item.response_event_id) for item in items]
    states = [trace.state if trace else "" for trace in found]
    return TextFeaturesComputed(
        event_id=derived_id(items[0].response_event_id, f"text-features {len(items)}"),
        tenant=tenant,
        # The latest call's time rather than a clock's: a replay of the same batch says the same.
        event_time_us=max(item.event_time_us for item in items),
        route=route,
        embedding_model=plan.embedding_model,
        embedding_dimensions=plan.embedding_dimensions,
        items=tuple(items),
        item_traceparents=tuple(trace.traceparent if trace else "" for trace in found) if any(found) else (),
        item_tracestates=tuple(states) if any(states) else (),
    )


def _item(event: InferenceCompleted, embedding: Embedding, plan: Plan) -> FeatureItem:
    prompt, answer = event.user_text, answer_of(event)
    sampled = is_embedded(event, plan)
    return FeatureItem(
        response_event_id=event.event_id,
        request_id=event.request_id,
        session_id=event.session_id,
        trace_id=event.trace_id,
        event_time_us=event.event_time_us,
        outcome=event.outcome,
        latency_ms=event.latency_ms,
        inclusion_probability=plan.embed_sample_rate,
        prompt=features_of(prompt, embedding(prompt[: plan.embed_chars_max]) if sampled else None),
        answer=features_of(answer, embedding(answer[: plan.embed_chars_max]) if sampled else None),
        references=event.references,
        release_digest=event.release_digest,
    )
