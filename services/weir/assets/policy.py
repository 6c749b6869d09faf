"""A policy: what a caller may ask of a route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from weir.assets.checks import Text, number, one_of
from weir.assets.sampling import ALIASES, KNOWN
from weir.assets.shapes import Asset

BYTES_MAX = 1 << 40
TOKENS_MAX = 10_000_000
"""Bounds that only refuse nonsense: a terabyte, and ten times the longest context sold today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Asset):
    """Limits that the gateway keeps; None: no limit.

    input_bytes_max: bytes of a request. output_tokens_max: tokens of an answer. parameters_allowed: the sampling parameters
    that a caller may give.
    """

    KIND = "policy"

    input_bytes_max: Annotated[int, number(1, BYTES_MAX, whole=True)] | None = None
    output_tokens_max: Annotated[int, number(1, TOKENS_MAX, whole=True)] | None = None
    parameters_allowed: tuple[Annotated[str, one_of(*KNOWN, *ALIASES)], ...] | None = None
    description: Text | None = None
