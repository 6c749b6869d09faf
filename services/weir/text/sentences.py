"""Sentences of a text, by ICU's rules, which know the full stops of all scripts (UAX 29, sentence boundaries).

Two rules come before ICU's. `.`, `!` or `?` before white space ends a sentence even where a small letter follows,
because technical prose begins sentences with names such as `math.isclose` (it costs a false cut after `e.g.`).
A blank line ends a sentence; a single line end is where a text was wrapped. Scripts without a full stop (Thai, Lao)
give one sentence per paragraph: ICU does not guess.
"""

from __future__ import annotations

import re

from icu4py.breakers import SentenceBreaker

_CERTAIN_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n")
_LINE_END = re.compile(r"[\r\n\u0085\u2028\u2029]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HAS_WORD = re.compile(r"\w")
_LOCALE = "en"
"""ICU wants a locale; the sentence rules used here are the same in all."""


def sentences_of(text: str) -> list[str]:
    """The sentences of `text` that hold a word, without the white space around them. Cost: linear. Never raises."""
    pieces = _CERTAIN_END.split(_SURROGATE.sub("\ufffd", text))
    parts = (part for piece in pieces for part in SentenceBreaker(_LINE_END.sub(" ", piece), _LOCALE))
    return [part.strip() for part in parts if _HAS_WORD.search(part)]
