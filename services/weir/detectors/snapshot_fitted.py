"""Bytes of a Fitted: reference and thresholds, 3.7 to 3.9 MB for 2,000 events of 384 dimensions, written once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weir.detectors.archive import AnyArray, Opened, SnapshotError, pack
from weir.detectors.channels import CHANNELS
from weir.detectors.fitted import Fitted
from weir.detectors.mean_ewma import EwmaModel
from weir.detectors.reference import EmbeddingMatrix, Reference, assemble_reference
from weir.detectors.word_counts import WordCounts

_WORD_ID = np.int16
"""Holds every word id: there are at most `word_counts.MAX_VOCABULARY`, 20,000, and -1. A quarter of the bytes."""

_EWMA_ARRAYS = ("ewma_centre", "ewma_metric", "ewma_thresholds", "ewma_typical", "ewma_reach")


def encode_fitted(fitted: Fitted) -> bytes:
    """The blob. About 10 ms."""
    reference = fitted.reference
    arrays: dict[str, AnyArray] = {
        "embeddings": reference.embeddings,
        "embedded": reference.embedded,
        "char_counts": reference.char_counts,
        "punctuation_shares": reference.punctuation_shares,
        "word_ids": reference.word_ids.astype(_WORD_ID),
        "word_starts": reference.word_starts,
        "prefix_keys": reference.prefix_keys,
        "text_keys": reference.text_keys,
        "copy_keys": reference.copy_keys,
        "languages": reference.languages,
        "missing": reference.missing,
        "refused": reference.refused,
        "latencies_ms": reference.latencies_ms,
        "words": np.frombuffer("\n".join(reference.word_counts.words).encode(), dtype=np.uint8),
        "word_count": reference.word_counts.counts,
    }
    for channel, scores in zip(CHANNELS, fitted.calibrations, strict=True):
        arrays[f"calibration_{channel.name}"] = scores
    if fitted.ewma is not None:
        model = fitted.ewma
        half = model.metric[np.triu_indices(model.centre.size)]
        values = (model.centre, half, model.thresholds, model.typical, np.array([model.reach]))
        arrays |= dict(zip(_EWMA_ARRAYS, values, strict=True))
    counts = reference.word_counts
    header: dict[str, object] = {
        "version": reference.version,
        "digest": reference.digest,
        "word_total": counts.total,
        "word_min_count": counts.min_count,
        "has_ewma": int(fitted.ewma is not None),
    }
    return pack("fitted", header, arrays)


def decode_fitted(content: bytes) -> Fitted:
    """The Fitted of `content`. Raises SnapshotError for damaged or other bytes, also when the digest does not match
    the contents.
    """
    opened = Opened("fitted", content)
    calibrations = tuple(opened.f64(f"calibration_{channel.name}") for channel in CHANNELS)
    ewma = None
    if opened.integer("has_ewma"):
        centre = opened.f32("ewma_centre")
        metric = _symmetric(opened.f32("ewma_metric"), centre.size)
        thresholds, typical = opened.f64("ewma_thresholds"), opened.f64("ewma_typical")
        ewma = EwmaModel(centre, metric, thresholds, typical, float(opened.f64("ewma_reach")[0]))
    return Fitted(_reference(opened), calibrations, ewma)


def _symmetric(half: npt.NDArray[np.float32], size: int) -> EmbeddingMatrix:
    if half.size != size * (size + 1) // 2:
        raise SnapshotError(f"the metric has {half.size} numbers, expected those of one half of {size} x {size}")
    whole = np.zeros((size, size), dtype=np.float32)
    rows, columns = np.triu_indices(size)
    whole[rows, columns] = whole[columns, rows] = half
    return whole


def _reference(opened: Opened) -> Reference:
    text = opened.octets("words").decode()
    words = tuple(text.split("\n")) if text else ()
    reference = assemble_reference(
        version=opened.integer("version"),
        embeddings=opened.f32("embeddings"),
        embedded=opened.flags("embedded"),
        char_counts=opened.f64("char_counts"),
        punctuation_shares=opened.f64("punctuation_shares"),
        word_counts=WordCounts(
            words, opened.i64("word_count"), opened.integer("word_total"), opened.integer("word_min_count")
        ),
        word_ids=opened.i64("word_ids"),
        word_starts=opened.i64("word_starts"),
        prefix_keys=opened.u64("prefix_keys"),
        text_keys=opened.u64("text_keys"),
        copy_keys=opened.u64("copy_keys"),
        languages=opened.i64("languages"),
        missing=opened.f64("missing"),
        refused=opened.f64("refused"),
        latencies_ms=opened.f64("latencies_ms"),
    )
    if reference.digest != opened.text("digest"):
        raise SnapshotError(
            f"reference contents have digest {reference.digest}, its snapshot says {opened.text('digest')}"
        )
    return reference
