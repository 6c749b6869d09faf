"""Bytes of an Insight: the piece of a stream's record from which alarms are explained, about 100 kB when it is full.

It has a format number of its own. A record without this piece, or with an older one, gives an empty insight rather than
a stream that warms again: explanations are worth less than a reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from weir.detectors.archive import AnyArray, Opened, SnapshotError, pack
from weir.detectors.channels import CHANNELS
from weir.drift.core.evidence import Evidence
from weir.drift.core.intents import Intent, Intents
from weir.drift.core.stream.insight import Insight
from weir.events import Reference as AssetReference

LAYOUT = 1
"""Layout of this piece; raised when it changes."""

SEPARATOR = "\x1f"
"""Between the words of a text; intake lets no word hold it."""


def encode_insight(insight: Insight) -> bytes:
    """The piece. About 2 ms with 256 events."""
    recent, clusters = insight.recent, insight.intents.clusters
    assets = list(dict.fromkeys(chain.from_iterable(event.assets for event in recent)))
    place = {asset: number for number, asset in enumerate(assets)}
    header: dict[str, object] = {
        "layout": LAYOUT,
        "channels": [channel.name for channel in CHANNELS],
        "typical": list(insight.typical),
        "requests": [event.request_id for event in recent],
        "assets": [[one.kind, one.name, one.version, one.digest] for one in assets],
        "begun": insight.intents.begun,
        "intent_requests": [list(one.request_ids) for one in clusters],
        "intent_words": [SEPARATOR.join(one.words) for one in clusters],
        "intent_word_counts": [list(one.words.values()) for one in clusters],
    }
    arrays: dict[str, AnyArray] = {
        "places": _rows([(event.index, event.time_us, event.cluster) for event in recent], 3),
        "p": np.stack([event.p for event in recent]) if recent else np.zeros((0, len(CHANNELS))),
        "words": _texts([event.words for event in recent]),
        "asset_counts": np.array([len(event.assets) for event in recent], dtype=np.int64),
        "asset_places": np.array([place[asset] for event in recent for asset in event.assets], dtype=np.int64),
        "intents": _rows(
            [(one.number, one.events, one.first_index, one.first_us, one.last_index) for one in clusters], 5
        ),
        "weights": np.array([(one.fast, one.slow) for one in clusters], dtype=np.float64).reshape(-1, 2),
        "centres": np.stack([one.centre for one in clusters]) if clusters else np.zeros((0, 0), dtype=np.float32),
    }
    return pack("insight", header, arrays)


def decode_insight(content: bytes) -> Insight:
    """The insight of `content`; an empty one for another layout or other channels. Raises SnapshotError for damage."""
    opened = Opened("insight", content)
    if opened.integer("layout") != LAYOUT or opened.texts("channels") != [channel.name for channel in CHANNELS]:
        return Insight()
    try:
        recent = _recent(opened)
        clusters = _clusters(opened)
    except (ValueError, IndexError, TypeError) as error:
        raise SnapshotError(f"the insight of the record cannot be read: {error}") from error
    return Insight(recent, Intents(clusters, opened.integer("begun")), tuple(opened.texts("typical")))


def _recent(opened: Opened) -> tuple[Evidence, ...]:
    assets = [AssetReference(kind=k, name=n, version=v, digest=d) for k, n, v, d in opened.rows("assets")]
    ends = np.cumsum(opened.i64("asset_counts"))
    pinned = np.split(opened.i64("asset_places"), ends[:-1]) if ends.size else []
    texts = opened.octets("words").decode().split("\n") if ends.size else []
    rows = zip(opened.i64("places").tolist(), opened.texts("requests"), opened.f64("p"), texts, pinned, strict=True)
    return tuple(
        Evidence(
            index=index,
            request_id=request_id,
            time_us=time_us,
            words=tuple(words.split(SEPARATOR)) if words else (),
            p=p,
            cluster=cluster,
            assets=tuple(assets[i] for i in places),
        )
        for (index, time_us, cluster), request_id, p, words, places in rows
    )


def _clusters(opened: Opened) -> tuple[Intent, ...]:
    rows = zip(
        opened.i64("intents").tolist(),
        opened.f64("weights").tolist(),
        opened.f32("centres"),
        opened.texts("intent_words"),
        opened.rows("intent_word_counts"),
        opened.rows("intent_requests"),
        strict=True,
    )
    return tuple(
        Intent(
            number=number,
            centre=centre,
            events=events,
            fast=fast,
            slow=slow,
            first_index=first_index,
            first_us=first_us,
            last_index=last_index,
            words=dict(zip(words.split(SEPARATOR) if words else [], map(int, counts), strict=True)),
            request_ids=tuple(requests),
        )
        for (number, events, first_index, first_us, last_index), (fast, slow), centre, words, counts, requests in rows
    )


def _rows(rows: Sequence[tuple[int, ...]], width: int) -> npt.NDArray[np.int64]:
    return np.array(rows, dtype=np.int64).reshape(-1, width)


def _texts(texts: Sequence[tuple[str, ...]]) -> npt.NDArray[np.uint8]:
    return np.frombuffer("\n".join(SEPARATOR.join(words) for words in texts).encode(), dtype=np.uint8)
