"""Numbers of a text: the statistics that an Observation needs, from the text itself.

For callers that hold the text (tests, replay, a producer of features). Words are runs of letters, digits, `_` and
inner apostrophes.
"""

from __future__ import annotations

import re
import unicodedata

from weir.drift.core.observation import MAX_WORD_CHARS, MAX_WORDS, FloatVector, Observation

_WORD = re.compile(r"\w+(?:'\w+)*")


def words_of(text: str) -> tuple[str, ...]:
    """The first `MAX_WORDS` lower-cased words of `text`, each cut to `MAX_WORD_CHARS`. Cost: linear in the text."""
    return tuple(
        match.group()[:MAX_WORD_CHARS].lower() for match, _ in zip(_WORD.finditer(text), range(MAX_WORDS), strict=False)
    )


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
    lengths = [len(match.group()) for match in _WORD.finditer(text)]
    chars = max(len(text), 1)
    punctuation = sum(unicodedata.category(char)[0] in "PS" for char in text)
    return Observation(
        event_id=event_id,
        request_id=request_id,
        session_id=session_id,
        event_time_us=event_time_us,
        word_count=len(lengths),
        char_count=len(text),
        punctuation_share=punctuation / chars,
        digit_share=sum(char.isdigit() for char in text) / chars,
        mean_word_length_chars=sum(lengths) / max(len(lengths), 1),
        words=words_of(text),
        embedding=embedding,
    )
