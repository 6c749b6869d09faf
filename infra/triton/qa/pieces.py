"""The pieces in which an answer is streamed."""

from __future__ import annotations

import re

PIECE = re.compile(r"\s*\S+")


def pieces_of(text: str) -> list[str]:
    """Words with the white space before them; joined they are the text again, also where it ends in white space."""
    pieces = PIECE.findall(text)
    rest = text[sum(map(len, pieces)) :]
    if not pieces:
        return [text] if text else []
    return [*pieces[:-1], pieces[-1] + rest]
