"""Embeddings of an OpenAI server: as many as were asked for, of the size that the registry says of the model."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from weir.access.refusals import Refusal
from weir.gateway.core.catalog import Resolved

FLOAT_BYTES = 4
"""Size of a number in base64: OpenAI's API sends float32."""


def demand_vectors(resolved: Resolved, asked: Mapping[str, Any], data: Sequence[object]) -> None:
    """Raises Refusal for an answer with another number of embeddings than inputs, or of another size than was promised."""
    inputs = asked["input"]
    count = len(inputs) if isinstance(inputs, list) and not isinstance(inputs[0], int) else 1
    if len(data) != count:
        raise Refusal("upstream_error", f"the OpenAI server answered {len(data)} embeddings for {count} inputs")
    expected = asked.get("dimensions", resolved.model.dimensions)
    if expected is None:
        return
    sizes = {_size(one.get("embedding") if isinstance(one, dict) else None) for one in data}
    if sizes != {expected}:
        found = ", ".join("no" if size is None else str(size) for size in sizes)
        text = f"the OpenAI server answered vectors of {found} numbers; expected {expected} (dimensions)"
        raise Refusal("upstream_error", text)


def _size(vector: object) -> int | None:
    """Numbers of a vector, as a list or in base64; None for neither."""
    if isinstance(vector, list):
        return len(vector)
    try:
        return len(base64.b64decode(vector, validate=True)) // FLOAT_BYTES if isinstance(vector, str) else None
    except binascii.Error:
        return None
