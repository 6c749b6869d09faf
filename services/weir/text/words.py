"""Words of a text: runs of letters, marks, digits and `_`, with inner apostrophes and joiners.

A run in a script that puts no spaces between words is cut further by ICU's dictionaries. A full stop always ends a
word, so `os.path` is two words and `3.14` too: the parts of names and versions are what drift and support count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import regex
from icu4py.breakers import WordBreaker

_ASCII_WORD = re.compile(r"\w+(?:'\w+)*")
_RUN = regex.compile(r"[\w\p{M}]+(?:['\u200c\u200d][\w\p{M}]+)*")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_WORD_CHAR = regex.compile(r"[\w]")

_APOSTROPHES = str.maketrans({"\u2019": "'", "\uff07": "'", "\u02bc": "'"})
"""Characters that people and keyboards write for an apostrophe."""

_LOCALE = "en"
"""ICU wants a locale; word rules differ by script and not by this one (checked: th, ja, zh give the same cuts)."""


def words_of(text: str) -> Iterator[str]:
    """The words of `text` in order, in normal form C, otherwise as they are written.

    Cost: linear; about 0.2 us a word for ASCII, 1 us for other scripts. Never raises: a lone surrogate ends a word.
    """
    if text.isascii():
        return (match.group() for match in _ASCII_WORD.finditer(text))
    return _words(unicodedata.normalize("NFC", text).translate(_APOSTROPHES))


def with_ascii_digits(text: str) -> str:
    """The text with every decimal digit of any script written as 0 to 9. Cost: linear."""
    if text.isascii():
        return text
    return "".join(char if char.isascii() or not char.isdecimal() else str(unicodedata.decimal(char)) for char in text)


def _words(text: str) -> Iterator[str]:
    for match in _RUN.finditer(text):
        run = match.group()
        if _UNSPACED.search(run):
            yield from (word for word in WordBreaker(run, _LOCALE) if _WORD_CHAR.search(word))
        else:
            yield run
