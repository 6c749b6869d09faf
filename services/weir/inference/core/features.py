"""Feature envelopes: from completed calls to one `TextFeaturesComputed` for each monitored stream.

The prompt of every call is measured, the answer only where the call ended well. Calls without a user's text say
nothing about the traffic and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weir.events import FeatureItem, InferenceCompleted, TextFeaturesComputed, derived_id
from weir.inference.core.sampling import chosen
from weir.inference.core.statistics import features_of
from weir.inference.core.vectors import FloatVector

ITEMS_MAX = 256
"""Items in one envelope; specified by the event TextFeaturesComputed."""

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


@dataclass(frozen=True, slots=True)
class Numbered:
    """The numbering that an envelope gets when it is built."""

    source: str
    boot_epoch: int
    take: Callable[[], int]


def skip_reason(event: InferenceCompleted) -> str:
    """Why a call has no features: `operation`, `no_text`, or empty when it has some."""
    if event.operation in OPERATIONS_WITHOUT_TEXT:
        return "operation"
    return "" if prompt_of(event) else "no_text"


def prompt_of(event: InferenceCompleted) -> str:
    """The user's own words, or the whole input where those are not known."""
    return event.user_text or event.input_text


def answer_of(event: InferenceCompleted) -> str:
    """The answer of a call that ended well; empty for any other."""
    return event.output_text if event.outcome == "ok" else ""


def is_embedded(event: InferenceCompleted, plan: Plan) -> bool:
    """Whether the texts of this call are embedded."""
    return chosen(event.request_id, plan.embed_salt, plan.embed_sample_rate)


def texts_to_embed(events: Sequence[InferenceCompleted], plan: Plan) -> list[str]:
    """The distinct texts, cut to the limit, whose embeddings the envelopes of `events` need; prompts come first."""
    sampled = [event for event in events if is_embedded(event, plan)]
    texts = [*map(prompt_of, sampled), *map(answer_of, sampled)]
    return list(dict.fromkeys(text[: plan.embed_chars_max] for text in texts if text.strip()))


def envelopes(
    events: Sequence[InferenceCompleted], embedding: Embedding, plan: Plan, numbered: Numbered, now_us: int
) -> list[tuple[str, TextFeaturesComputed]]:
    """(key, envelope) pairs: one for each stream and at most ITEMS_MAX items, items in order of `events`.

    Event ids derive from the first item's response event and the number of items, so the same batch gives the same
    ids; a replay that cuts the batch elsewhere gives others. Deduplicate by `item.response_event_id`.
    """
    streams: dict[tuple[str, str], list[InferenceCompleted]] = {}
    for event in events:
        streams.setdefault((event.tenant, event.route), []).append(event)
    return [
        (f"{tenant}/{route}", _envelope(part, embedding, plan, numbered, now_us))
        for (tenant, route), of_stream in streams.items()
        for part in _parts(of_stream)
    ]


def _parts(events: list[InferenceCompleted]) -> list[list[InferenceCompleted]]:
    return [events[start : start + ITEMS_MAX] for start in range(0, len(events), ITEMS_MAX)]


def _envelope(
    events: Sequence[InferenceCompleted], embedding: Embedding, plan: Plan, numbered: Numbered, now_us: int
) -> TextFeaturesComputed:
    first = events[0]
    return TextFeaturesComputed(
        event_id=derived_id(first.event_id, f"text-features {len(events)}"),
        source=numbered.source,
        boot_epoch=numbered.boot_epoch,
        seq=numbered.take(),
        tenant=first.tenant,
        trace_id="",
        span_id="",
        parent_span_id="",
        event_time_us=now_us,
        route=first.route,
        embedding_model=plan.embedding_model,
        embedding_dimensions=plan.embedding_dimensions,
        items=tuple(_item(event, embedding, plan) for event in events),
    )


def _item(event: InferenceCompleted, embedding: Embedding, plan: Plan) -> FeatureItem:
    prompt, answer = prompt_of(event), answer_of(event)
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
