"""Keys of a text: of its beginning, which texts made from one prompt template share, of its words, and of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt

from weir.detectors.uniform import hash_of
from weir.state import ARRAY

KeyVector = Annotated[npt.NDArray[np.uint64], ARRAY]

PREFIX_WORDS = 4
"""Words that make a beginning (chosen: three already coincide in unrelated questions, long ones miss short templates)."""

NO_WORDS = 0
"""Key of a text without words."""

_SALT, _TEXT_SALT = "weir drift prefix", "weir drift text"

_MIXED = 0x9E3779B97F4A7C15
"""An odd number whose multiples spread over 64 bits (2^64 divided by the golden ratio, as hash tables use it)."""


def prefix_key_of(words: Sequence[str]) -> int:
    """A 64-bit hash of the first `PREFIX_WORDS` lower-cased words, or of all if there are fewer. About 1 us."""
    return hash_of(" ".join(words[:PREFIX_WORDS]), _SALT) if words else NO_WORDS


def text_key_of(words: Sequence[str]) -> int:
    """A 64-bit hash of all these lower-cased words. About 2 us."""
    return hash_of(" ".join(words), _TEXT_SALT) if words else NO_WORDS


def copy_key_of(text_key: int, char_count: int, punctuation_share: float) -> int:
    """A 64-bit key of all that is known of a text: words of key `text_key`, characters, punctuation. Texts that differ
    beyond the words that are kept, or hold none, differ by the numbers. Below 1 us.
    """
    punctuation = round(punctuation_share * char_count)
    return (text_key + _MIXED * (1 + char_count + (punctuation << 32))) % 2**64
