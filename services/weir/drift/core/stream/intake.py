"""Intake: the observations in an envelope of text features, and what each call was pinned to, for the explanation of an alarm.

The prompt of a call is what drifts; of the answer only the flag "it declines" is kept, and of the call its latency.
Calls that were refused or broken off by the caller say nothing about the traffic that the model serves and are left
out, as are calls without text.
"""

from __future__ import annotations

from itertools import islice

import numpy as np

from weir.detectors.ngrams import terms_of
from weir.detectors.observation import MAX_WORD_CHARS, MAX_WORDS, Observation
from weir.detectors.refusal import is_refusal
from weir.events import FeatureItem, InvalidEvent, TextFeaturesComputed
from weir.events import Reference as PinnedReference

SERVED = frozenset({"ok", "failed"})
"""Outcomes of calls that the model was asked to serve."""

_SEPARATORS = ("\n", "\x1f")
"""Characters that no word may hold, because a checkpoint separates words by them."""

ASSETS_MAX = 16
"""Assets kept a call (chosen: prompt, chain, model, adapter, dataset, index and some tools)."""

Assets = dict[str, tuple[PinnedReference, ...]]
"""What each event was pinned to, by event id."""


def skip_reason(item: FeatureItem) -> str:
    """Why an item is not watched: `outcome`, `no_text`, or empty when it is."""
    if item.outcome not in SERVED:
        return "outcome"
    return "" if item.prompt.chars > 0 else "no_text"


def observations_of(envelope: TextFeaturesComputed) -> list[Observation]:
    """The watched items of `envelope`, in their order.

    Raises InvalidEvent when one of them cannot be believed: numbers out of range, an embedding of another length than
    the envelope says. The whole envelope is then a dead letter and no state has changed.
    """
    dimensions = envelope.embedding_dimensions
    return [_observation(item, dimensions) for item in envelope.items if not skip_reason(item)]


def assets_of(envelope: TextFeaturesComputed) -> Assets:
    """The pinned assets of every item by the id of its event; the release counts as one."""
    return {item.response_event_id: _assets(item) for item in envelope.items}


def _observation(item: FeatureItem, dimensions: int) -> Observation:
    event_id, prompt = item.response_event_id, item.prompt
    if len(prompt.embedding) not in (0, dimensions):
        detail = f"embedding of {event_id} has {len(prompt.embedding)} numbers; the envelope says {dimensions}"
        raise InvalidEvent("handler_error", detail)
    if len(prompt.tokens) > MAX_WORDS:
        raise InvalidEvent(
            "handler_error", f"event {event_id} has {len(prompt.tokens)} words; pass at most {MAX_WORDS}"
        )
    if any(mark in word for word in prompt.tokens for mark in _SEPARATORS):
        raise InvalidEvent("handler_error", f"a token of {event_id} holds a line feed or unit separator")
    try:
        return Observation(
            event_id=event_id,
            request_id=item.request_id,
            session_id=item.session_id,
            event_time_us=item.event_time_us,
            word_count=prompt.words,
            char_count=prompt.chars,
            punctuation_share=prompt.punctuation_share,
            digit_share=prompt.digit_share,
            mean_word_length_chars=prompt.mean_word_chars,
            words=tuple(islice(terms_of(word[:MAX_WORD_CHARS] for word in prompt.tokens), MAX_WORDS)),
            embedding=np.array(prompt.embedding, dtype=np.float32) if prompt.embedding else None,
            embedding_expected=item.inclusion_probability >= 1.0,
            refused=is_refusal(item.answer.tokens) if item.answer.tokens else None,
            latency_ms=item.latency_ms,
        )
    except ValueError as error:
        raise InvalidEvent("handler_error", str(error)) from error


def _assets(item: FeatureItem) -> tuple[PinnedReference, ...]:
    release = PinnedReference(kind="release", name="", version="", digest=item.release_digest)
    return (*item.references[:ASSETS_MAX], *([release] if item.release_digest else []))
