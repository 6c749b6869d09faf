"""Strings of SQL: written in quotes, and read back as the engine reads them."""

from __future__ import annotations

import re

ESCAPES = {
    **{"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "v": "\v", "e": "\x1b", "N": ""},
    **{sign: sign for sign in "\\'\"`/="},
}
"""What the engine reads for a sign after a backslash; a control character stands for itself, any other sign keeps its
backslash (`\\d` stays `\\d`). Source: the engine, asked for each (a test asks again)."""

ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.?))", re.DOTALL)
"""An escape within a string: the code of a byte, or one sign, which is missing at the end."""

DOUBLED = re.compile(r"(\\.)|''", re.DOTALL)
"""An escape, or the quote that is written twice within a string."""

ASCII_END = 0x80
"""First byte that is no character by itself."""


class SqlRefused(ValueError):
    """The statement may not run; the text says what is the reason and what is allowed."""

    code = 497
    """The engine's code for such a refusal: ACCESS_DENIED."""


def quoted(text: str) -> str:
    """A string of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def unescaped(text: str) -> str:
    """The text of a string or of a tab-separated value, as the engine reads its escapes. Raises SqlRefused."""
    return ESCAPE.sub(_meant, text)


def unquoted(word: str) -> str:
    """The text of a string of SQL, which stands in quotes. Raises SqlRefused."""
    return unescaped(DOUBLED.sub(lambda found: found[1] or "\\'", word[1:-1]))


def _meant(escape: re.Match[str]) -> str:
    code, sign = escape[1], escape[2]
    if code is not None and int(code, 16) < ASCII_END:
        return chr(int(code, 16))
    if code is not None or sign in ("", "x"):
        raise SqlRefused(
            f"{escape[0]!r} is no escape that is served; write the character itself, or two backslashes for one"
        )
    return sign if sign < " " else ESCAPES.get(sign, escape[0])
