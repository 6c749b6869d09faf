"""Which language a text is in, by its commonest words or its script: coarse, fast, and without a model.

It need not be right about every text. The language channel compares how often each *answer* occurs now and in the
reference, so an answer that is wrong in the same way in both costs nothing. Short texts without function words are
`UNDETERMINED`, which is an answer like any other.
"""

from __future__ import annotations

from collections.abc import Sequence

UNDETERMINED = "undetermined"

STOP_WORDS: dict[str, str] = {
    "english": "the of and to in is that for it with as are be on this you not or by from can if an what how do which",
    "german": "der die das und nicht ist ein eine mit auf für den dem von zu im sich des wird auch als wie wenn oder ich",
    "french": "le la les des et une est pour dans que qui par sur pas du au avec plus ce cette sont ou être vous comme",
    "spanish": "el la los las y una es para que en por con del se no como más su al lo esta son cuando o pero",
    "italian": "il la che di e un una per non è in con del della si sono come le gli dei più anche questo ma nel",
    "portuguese": "o a os as e um uma que de para não é com do da em por se no na como mais são ao você",
    "dutch": "de het een en van is dat niet in op te met voor zijn als aan er ook om door wordt bij naar of ik",
    "swedish": "och att det som en är på av för med den till inte om har ett från vi jag kan så eller när var hur",
    "polish": "nie się na w z do jest że to i jak dla o po co od czy przez ale za być tylko tak lub może",
    "turkish": "ve bir bu için ile da de ne çok daha olarak gibi olan var mi nasıl en kadar sonra ama ben değil",
}
"""Frequent function words by language. One word may stand for several languages."""

SCRIPTS: tuple[tuple[str, int, int], ...] = (
    ("greek", 0x0370, 0x03FF),
    ("cyrillic", 0x0400, 0x052F),
    ("hebrew", 0x0590, 0x05FF),
    ("arabic", 0x0600, 0x06FF),
    ("devanagari", 0x0900, 0x097F),
    ("thai", 0x0E00, 0x0E7F),
    ("kana", 0x3040, 0x30FF),
    ("han", 0x4E00, 0x9FFF),
    ("hangul", 0xAC00, 0xD7AF),
    ("armenian", 0x0530, 0x058F),
    ("bengali", 0x0980, 0x09FF),
    ("gurmukhi", 0x0A00, 0x0A7F),
    ("gujarati", 0x0A80, 0x0AFF),
    ("tamil", 0x0B80, 0x0BFF),
    ("telugu", 0x0C00, 0x0C7F),
    ("kannada", 0x0C80, 0x0CFF),
    ("malayalam", 0x0D00, 0x0D7F),
    ("sinhala", 0x0D80, 0x0DFF),
    ("lao", 0x0E80, 0x0EFF),
    ("myanmar", 0x1000, 0x109F),
    ("georgian", 0x10A0, 0x10FF),
    ("ethiopic", 0x1200, 0x139F),
    ("khmer", 0x1780, 0x17FF),
)
"""Scripts that name a language by themselves, with their first and last code point. New ones go to the end: a stored
reference holds positions. Source: Unicode's block names."""

LANGUAGES: tuple[str, ...] = (UNDETERMINED, *STOP_WORDS, *(name for name, _, _ in SCRIPTS))
"""Every answer; its position is its code in a reference."""

MIN_HITS = 2
"""Function words that settle a language (chosen: one alone is often a name or a foreign word)."""

MIN_SHARE = 0.1
"""Least share of function words (chosen: a third to a half of running text is; a list of names has none)."""

_CODES_OF: dict[str, tuple[int, ...]] = {}
for _language, _words in STOP_WORDS.items():
    for _word in _words.split():
        _CODES_OF[_word] = (*_CODES_OF.get(_word, ()), LANGUAGES.index(_language))


def language_of(words: Sequence[str]) -> int:
    """The code (position in `LANGUAGES`) of the language of these lower-cased words. About 2 us for 40 words."""
    hits = [0] * len(LANGUAGES)
    for codes in filter(None, map(_CODES_OF.get, words)):
        for code in codes:
            hits[code] += 1
    most = max(hits)
    # Ties go to the language that stands first, so that the answer does not depend on the order of words.
    return hits.index(most) if most >= max(MIN_HITS, MIN_SHARE * len(words)) else _script_of(words)


def _script_of(words: Sequence[str]) -> int:
    firsts = [ord(word[0]) for word in words if word and word[0] > "\u036f"]
    if 2 * len(firsts) <= len(words):
        return LANGUAGES.index(UNDETERMINED)
    for name, first, last in SCRIPTS:
        if 2 * sum(first <= point <= last for point in firsts) > len(words):
            return LANGUAGES.index(name)
    return LANGUAGES.index(UNDETERMINED)
