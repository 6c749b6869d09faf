"""Bodies of the HTTP API, read and bounded.

    accept, dismiss:   {"author": "ana", "reason": "a new product"}
    skew-reference:    {"author": "ana", "name": "faq", "version": "3", "digest": "sha256:...", "embedding_model": "...",
                        "embeddings": ["<base64 of little-endian float32>", ...], "reason": "why"}

Embeddings are written as the gateway's `/v1/embeddings` writes them with `encoding_format` base64.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np
from starlette.requests import Request

from weir.detectors.skew import ITEMS_MIN
from weir.drift.core.stream.decisions import Dataset, Decision
from weir.runtime.http.json_body import BadBody, demand_keys, json_object

BODY_BYTES_MAX = 4_096
"""Largest body of a decision. Chosen: name and reason fit twice."""

DATASET_BYTES_MAX = 16 * 1_048_576
"""Largest body with a dataset. Chosen: 2,000 items of 1,024 numbers are 11 MB."""

NAME_CHARS_MAX = 128
"""Longest author, name and version, characters. Arbitrary: any value from 64 to 1,000 would do."""

REASON_CHARS_MAX = 500
"""Longest reason. Chosen: a sentence or two, as annotations carry it."""


DECISION_KEYS = frozenset({"author", "reason"})
"""Keys of a decision."""

DATASET_KEYS = DECISION_KEYS | {"name", "version", "digest", "embedding_model", "embeddings"}
"""Keys of an evaluation dataset."""


async def decision_in(request: Request) -> Decision:
    """The decision that a request is. Raises BadBody."""
    body = await json_object(request, BODY_BYTES_MAX)
    demand_keys(body, DECISION_KEYS)
    return _decision_of(body)


async def dataset_in(request: Request, items_max: int) -> Dataset:
    """The evaluation dataset version in a request. Raises BadBody."""
    body = await json_object(request, DATASET_BYTES_MAX)
    demand_keys(body, DATASET_KEYS)
    return _dataset_of(body, items_max)


def _decision_of(body: dict[str, object]) -> Decision:
    """Author and reason. Raises BadBody."""
    hint = 'say who decides: {"author": "name", "reason": "why"}'
    author, reason = _text(body, "author", NAME_CHARS_MAX, hint), body.get("reason", "")
    if not isinstance(reason, str) or len(reason) > REASON_CHARS_MAX:
        raise BadBody(f"reason must be a text of at most {REASON_CHARS_MAX} characters", "Bad reason", hint)
    return Decision(author, reason)


def _dataset_of(body: dict[str, object], items_max: int) -> Dataset:
    """An evaluation dataset version. Raises BadBody."""
    hint = "weir drift skew-reference sends it"
    model = body.get("embedding_model", "")
    if not isinstance(model, str) or len(model) > NAME_CHARS_MAX:
        raise BadBody("embedding_model must be the name of a model", "Bad embedding_model", hint)
    given = body.get("embeddings")
    if not isinstance(given, list) or not ITEMS_MIN <= len(given) <= items_max:
        count = len(given) if isinstance(given, list) else "no list of"
        detail = f"embeddings holds {count} items; expected {ITEMS_MIN} to {items_max} (WEIR_DRIFT_SKEW_ITEMS_MAX)"
        raise BadBody(detail, "Bad embeddings", hint)
    try:
        vectors = [np.frombuffer(base64.b64decode(one, validate=True), dtype="<f4") for one in given]
        embeddings = np.stack(vectors).astype(np.float32)
    except (ValueError, TypeError, binascii.Error) as error:
        detail = f"embeddings are no equally long float32 vectors in base64: {error}"
        raise BadBody(detail, "Bad embeddings", hint) from error
    return Dataset(
        name=_text(body, "name", NAME_CHARS_MAX, hint),
        version=_text(body, "version", NAME_CHARS_MAX, hint),
        digest=_text(body, "digest", NAME_CHARS_MAX, hint),
        model=model,
        embeddings=embeddings,
        by=_decision_of(body),
    )


def _text(body: dict[str, object], key: str, chars_max: int, hint: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= chars_max:
        raise BadBody(f"{key} must be a text of 1 to {chars_max} characters", f"Bad {key}", hint)
    return value
