"""Assets: what the calls of an envelope were pinned to, for the explanation of an alarm."""

from __future__ import annotations

from weir.events import FeatureItem, TextFeaturesComputed
from weir.events import Reference as PinnedReference

ASSETS_MAX = 16
"""Assets kept a call (chosen: prompt, chain, model, adapter, dataset, index and some tools)."""


Assets = dict[str, tuple[PinnedReference, ...]]
"""What each event was pinned to, by event id."""


def assets_of(envelope: TextFeaturesComputed) -> Assets:
    """The pinned assets of every item by the id of its event; the release counts as one."""
    return {item.response_event_id: _assets(item) for item in envelope.items}


def _assets(item: FeatureItem) -> tuple[PinnedReference, ...]:
    release = PinnedReference(kind="release", name="", version="", digest=item.release_digest)
    return (*item.references[:ASSETS_MAX], *([release] if item.release_digest else []))
