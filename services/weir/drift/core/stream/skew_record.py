"""Bytes of a SkewWatch, in two pieces: the dataset, written once (3 MB for 2,000 items), and the window, which every
event changes (150 kB when it is full).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from weir.detectors.archive import AnyArray, Opened, SnapshotError, pack
from weir.detectors.skew import SkewReference, SkewResult
from weir.drift.core.stream.skew_watch import SkewWatch, WindowEvent

LAYOUT = 1
"""Layout of both pieces; raised when one changes."""


def encode_dataset(reference: SkewReference) -> bytes:
    """The dataset."""
    header: dict[str, object] = {
        "layout": LAYOUT,
        "name": reference.name,
        "version": reference.version,
        "digest": reference.digest,
    }
    return pack("skew-dataset", header, {"embeddings": reference.embeddings, "novelties": reference.novelties})


def decode_dataset(content: bytes) -> SkewReference:
    """The dataset of `content`. Raises SnapshotError for damaged or other bytes."""
    opened = _opened("skew-dataset", content)
    embeddings = opened.f32("embeddings")
    embeddings.setflags(write=False)
    return SkewReference(
        opened.text("name"), opened.text("version"), opened.text("digest"), embeddings, opened.f64("novelties")
    )


def encode_watch(watch: SkewWatch) -> bytes:
    """All but the dataset, which it names."""
    window = watch.window
    header: dict[str, object] = {
        "layout": LAYOUT,
        "dataset": dataset_key(watch.reference),
        "author": watch.author,
        "model": watch.model,
        "windows": watch.windows,
        "quiet_windows": watch.quiet_windows,
        "is_raised": int(watch.is_raised),
        "is_stale": int(watch.is_stale),
        "last": asdict(watch.last) if watch.last else {},
        "requests": [event.request_id for event in window],
    }
    arrays: dict[str, AnyArray] = {
        "times": np.array([event.time_us for event in window], dtype=np.int64),
        "embeddings": np.stack([event.embedding for event in window]) if window else np.zeros((0, 0), dtype=np.float16),
    }
    return pack("skew-watch", header, arrays)


def dataset_key_of(content: bytes) -> str:
    """The key of the dataset that the watch in `content` compares with."""
    return _opened("skew-watch", content).text("dataset")


def decode_watch(content: bytes, reference: SkewReference) -> SkewWatch:
    """The watch of `content` against its dataset. Raises SnapshotError for other bytes and another dataset."""
    opened = _opened("skew-watch", content)
    if opened.text("dataset") != dataset_key(reference):
        wanted = opened.text("dataset")
        raise SnapshotError(f"the watch compares with dataset {wanted}, given was {dataset_key(reference)}")
    rows = zip(opened.texts("requests"), opened.i64("times").tolist(), opened.f16("embeddings"), strict=True)
    return SkewWatch(
        reference=reference,
        author=opened.text("author"),
        model=opened.text("model"),
        window=tuple(WindowEvent(request_id, time_us, vector) for request_id, time_us, vector in rows),
        windows=opened.integer("windows"),
        quiet_windows=opened.integer("quiet_windows"),
        is_raised=bool(opened.integer("is_raised")),
        is_stale=bool(opened.integer("is_stale")),
        last=_result(opened),
    )


def dataset_key(reference: SkewReference) -> str:
    """What tells one dataset from another: its name, version, digest and size."""
    return "\n".join((reference.name, reference.version, reference.digest, str(reference.embeddings.shape)))


def _result(opened: Opened) -> SkewResult | None:
    found: dict[str, Any] = dict(opened.values("last"))
    if not found:
        return None
    try:
        return SkewResult(**{**found, "p_values": tuple(found["p_values"])})
    except (TypeError, KeyError) as error:
        raise SnapshotError(f"the last result of the record does not fit this version: {error}") from error


def _opened(kind: str, content: bytes) -> Opened:
    opened = Opened(kind, content)
    if opened.integer("layout") != LAYOUT:
        raise SnapshotError(f"{kind} is of layout {opened.integer('layout')}, expected {LAYOUT}; set the dataset again")
    return opened
