"""Bodies of the HTTP API, read and bounded.

    accept, dismiss:   {"author": "ana", "reason": "a new product"}
    skew-reference:    {"author": "ana", "name": "faq", "version": "3", "digest": "sha256:...", "embedding_model": "...",
                        "embeddings": ["<base64 of little-endian float32>", ...]}

Embeddings are written as the gateway's `/v1/embeddings` writes them with `encoding_format` base64.
"""

from __future__ import annotations

import base64
import binascii
import json

import numpy as np
from starlette.requests import Request

from weir.detectors.skew import ITEMS_MIN
from weir.drift.core.stream.decisions import Dataset, Decision

BODY_BYTES_MAX = 4_096
"""Largest body of a decision. Chosen: name and reason fit twice."""

DATASET_BYTES_MAX = 16 * 1_048_576
"""Largest body with a dataset. Chosen: 2,000 items of 1,024 numbers are 11 MB."""

NAME_CHARS_MAX = 128
"""Longest author, name and version, characters. Arbitrary: any value from 64 to 1,000 would do."""

REASON_CHARS_MAX = 500
"""Longest reason. Chosen: a sentence or two, as annotations carry it."""


class BadBody(Exception):
    """A body that cannot be used: what it lacks, and what to do."""

    def __init__(self, title: str, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.title = title
        self.hint = hint


async def object_of(request: Request, bytes_max: int) -> dict[str, object]:
    """The JSON object of a request. Raises BadBody for another value and for a longer body."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > bytes_max:
            raise BadBody("Too large", f"the body is longer than {bytes_max} bytes", "send less")
    try:
        body = json.loads(content)
    except ValueError as error:
        raise BadBody("Not JSON", f"the body cannot be read: {error}", "send a JSON object") from error
    if not isinstance(body, dict):
        raise BadBody("Not an object", f"the body is a JSON {type(body).__name__}", "send a JSON object")
    return body


def decision_of(body: dict[str, object]) -> Decision:
    """Author and reason. Raises BadBody."""
    hint = 'say who decides: {"author": "name", "reason": "why"}'
    author, reason = _text(body, "author", NAME_CHARS_MAX, hint), body.get("reason", "")
    if not isinstance(reason, str) or len(reason) > REASON_CHARS_MAX:
        raise BadBody("Bad reason", f"reason must be a text of at most {REASON_CHARS_MAX} characters", hint)
    return Decision(author, reason)


def dataset_of(body: dict[str, object], items_max: int) -> Dataset:
    """An evaluation dataset version. Raises BadBody."""
    hint = "weir drift skew-reference sends it"
    model = body.get("embedding_model", "")
    if not isinstance(model, str) or len(model) > NAME_CHARS_MAX:
        raise BadBody("Bad embedding_model", "embedding_model must be the name of a model", hint)
    given = body.get("embeddings")
    if not isinstance(given, list) or not ITEMS_MIN <= len(given) <= items_max:
        count = len(given) if isinstance(given, list) else "no list of"
        detail = f"embeddings holds {count} items; expected {ITEMS_MIN} to {items_max} (WEIR_DRIFT_SKEW_ITEMS_MAX)"
        raise BadBody("Bad embeddings", detail, hint)
    try:
        vectors = [np.frombuffer(base64.b64decode(one, validate=True), dtype="<f4") for one in given]
        embeddings = np.stack(vectors).astype(np.float32)
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadBody(
            "Bad embeddings", f"embeddings are no equally long float32 vectors in base64: {error}", hint
        ) from error
    return Dataset(
        name=_text(body, "name", NAME_CHARS_MAX, hint),
        version=_text(body, "version", NAME_CHARS_MAX, hint),
        digest=_text(body, "digest", NAME_CHARS_MAX, hint),
        model=model,
        embeddings=embeddings,
        by=decision_of(body),
    )


def _text(body: dict[str, object], key: str, chars_max: int, hint: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= chars_max:
        raise BadBody(f"Bad {key}", f"{key} must be a text of 1 to {chars_max} characters", hint)
    return value
