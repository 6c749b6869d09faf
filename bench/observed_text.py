"""Numbers of a text: the statistics that an Observation needs, from the text itself.

For tests and benchmarks, which hold the text; drift reads features. Words and characters are those of the inference
service's features, `weir.text`, in normal form C; words of scripts without spaces are cut into pieces (`ngrams`).
"""

from __future__ import annotations

import unicodedata
from itertools import islice

from weir.detectors.ngrams import terms_of
from weir.detectors.observation import MAX_WORD_CHARS, MAX_WORDS, FloatVector, Observation
from weir.text import words


def words_of(text: str) -> tuple[str, ...]:
    """The first `MAX_WORDS` lower-cased words of `text`, each cut to `MAX_WORD_CHARS`. Cost: linear in the text."""
    runs = (word[:MAX_WORD_CHARS].lower() for word in words.words_of(text))
    return tuple(islice(terms_of(runs), MAX_WORDS))


def observe(
    text: str,
    *,
    event_id: str,
    request_id: str = "",
    session_id: str = "",
    event_time_us: int = 0,
    embedding: FloatVector | None = None,
) -> Observation:
    """The Observation of `text`; punctuation is what Unicode puts in the categories P and S."""
    normal = text if text.isascii() else unicodedata.normalize("NFC", text)
    lengths = [len(word) for word in words.words_of(normal)]
    chars = max(len(normal), 1)
    punctuation = sum(unicodedata.category(char)[0] in "PS" for char in normal)
    return Observation(
        event_id=event_id,
        request_id=request_id,
        session_id=session_id,
        event_time_us=event_time_us,
        word_count=len(lengths),
        char_count=len(normal),
        punctuation_share=punctuation / chars,
        digit_share=sum(char.isdigit() for char in normal) / chars,
        mean_word_length_chars=sum(lengths) / max(len(lengths), 1),
        words=words_of(normal),
        embedding=embedding,
    )
