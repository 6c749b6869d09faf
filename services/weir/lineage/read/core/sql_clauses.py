"""The clauses behind a statement that belong to the request: FORMAT and SETTINGS, as stock clients write them.

They are taken off before the statement is checked: the gate lets neither through, and what they ask for is decided by name
(`sql_formats`, `sql_settings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from weir.lineage.core.sql_strings import SqlRefused, unquoted
from weir.lineage.read.core.sql_text import CLOSED_BY, Token, text_of, tokens_of


@dataclass(frozen=True, slots=True)
class Clauses:
    """A statement without its last clauses, and what they said."""

    text: str
    format: str | None = None
    settings: dict[str, str] = field(default_factory=dict)


def split(statement: str) -> Clauses:
    """The statement, and the clauses at its very end: `SETTINGS a = 1, b = 'x'` and `FORMAT Name`. Raises SqlRefused."""
    tokens = tokens_of(statement)
    tokens, format_name = _without_format(tokens)
    tokens, settings = _without_settings(tokens)
    if format_name is None:
        tokens, format_name = _without_format(tokens)
    return Clauses(text_of(tokens), format_name, settings)


def _without_format(tokens: list[Token]) -> tuple[list[Token], str | None]:
    words = _places(tokens)
    if len(words) > 2 and _is(tokens[words[-2]], "format") and tokens[words[-1]][0] == "word":
        return tokens[: words[-2]], tokens[words[-1]][1]
    return tokens, None


def _without_settings(tokens: list[Token]) -> tuple[list[Token], dict[str, str]]:
    begin = _last_settings(tokens)
    if begin is None:
        return tokens, {}
    words = [tokens[place] for place in _places(tokens) if place > begin]
    found: dict[str, str] = {}
    while words:
        name, equals, value = words[:3] if len(words) > 2 else (("", ""), ("", ""), ("", ""))
        if name[0] != "word" or equals[1] != "=" or value[0] not in ("word", "number", "text"):
            raise SqlRefused("SETTINGS at the end takes name = value, name = value, each value a number or a string")
        if name[1] in found:
            raise SqlRefused(f"SETTINGS names {name[1]!r} twice")
        found[name[1]] = _value(value)
        if len(words) > 3 and (words[3][1] != "," or len(words) == 4):
            raise SqlRefused("SETTINGS at the end takes name = value, name = value, and nothing else")
        words = words[4:]
    return tokens[:begin], found


def _last_settings(tokens: Sequence[Token]) -> int | None:
    """Place of the last SETTINGS that is outside every bracket, with `name =` behind it."""
    depth, found, places = 0, None, _places(tokens)
    for index, place in enumerate(places):
        token = tokens[place]
        depth += (token[1] in CLOSED_BY) - (token[1] in CLOSED_BY.values())
        following = [tokens[one] for one in places[index + 1 : index + 3]]
        is_clause = len(following) == 2 and following[0][0] == "word" and following[1][1] == "="
        if depth == 0 and index and is_clause and _is(token, "settings"):
            found = place
    return found


def _value(token: Token) -> str:
    return unquoted(token[1]) if token[0] == "text" else token[1]


def _places(tokens: Sequence[Token]) -> list[int]:
    return [place for place, token in enumerate(tokens) if token[0] != "space"]


def _is(token: Token, word: str) -> bool:
    return token[0] == "word" and token[1].lower() == word
