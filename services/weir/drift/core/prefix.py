"""Keys of a text: of its beginning, which texts made from one prompt template share, and of the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from weir.drift.core.uniform import hash_of

KeyVector = npt.NDArray[np.uint64]

PREFIX_WORDS = 4
"""Words that make a beginning (chosen: three already coincide in unrelated questions, long ones miss short templates)."""

NO_WORDS = 0
"""Key of a text without words."""

_SALT, _TEXT_SALT = "weir drift prefix", "weir drift text"


def prefix_key_of(words: Sequence[str]) -> int:
    """A 64-bit hash of the first `PREFIX_WORDS` lower-cased words, or of all if there are fewer. About 1 us."""
    return hash_of(" ".join(words[:PREFIX_WORDS]), _SALT) if words else NO_WORDS


def text_key_of(words: Sequence[str]) -> int:
    """A 64-bit hash of all these lower-cased words. About 2 us."""
    return hash_of(" ".join(words), _TEXT_SALT) if words else NO_WORDS
