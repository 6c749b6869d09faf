"""A dataset: texts that a chain retrieves, or answers with human labels that check an evaluator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from weir.assets.checks import Digest, Name, Text, number
from weir.assets.shapes import Asset

PASSAGES_MAX = 1 << 40
"""Passages, at most. Arbitrary: any value far above those met refuses nonsense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(Asset):
    """Content, named by its digest. evaluators: those that are checked with it."""

    KIND = "dataset"

    content_digest: Digest
    source: Text = ""
    passages: Annotated[int, number(0, PASSAGES_MAX, whole=True)] = 0
    evaluators: tuple[Name, ...] | None = None
    description: Text | None = None
