"""Character n-grams: what stands for words in scripts that put no spaces between them.

A run of Chinese, Japanese, Thai, Lao, Khmer or Burmese letters may be a clause, and hardly one comes twice: every text is
full of unknown words, and another subject looks like any other text (17 % of such changes were found in 700 events).
`weir.text` finds words with a dictionary; compounds and names that it does not know stay long. So every longer run is cut
into overlapping pieces, as search engines do without a dictionary. Korean has spaces and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

PIECE_CHARS = {"ideographs and kana": 2, "abugidas": 3}
"""Characters of a piece. Specified nowhere; two are the length of most Chinese and Japanese words, an abugida writes a
syllable with two or three characters.
"""

_IDEOGRAPHS = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
)
_ABUGIDAS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_RUNS = re.compile(f"([{_IDEOGRAPHS}]+)|([{_ABUGIDAS}]+)|[^{_IDEOGRAPHS}{_ABUGIDAS}]+")


def terms_of(words: Iterable[str]) -> Iterator[str]:
    """The words, with every run of an unspaced script in its pieces, in order. A run shorter than a piece is one."""
    for word in words:
        if word.isascii():
            yield word
            continue
        for run in _RUNS.finditer(word):
            ideographs, abugida = run.groups()
            if ideographs:
                yield from _pieces(ideographs, PIECE_CHARS["ideographs and kana"])
            elif abugida:
                yield from _pieces(abugida, PIECE_CHARS["abugidas"])
            else:
                yield run.group()


def _pieces(run: str, chars: int) -> Iterator[str]:
    for start in range(max(len(run) - chars, 0) + 1):
        yield run[start : start + chars]
