"""The words of a statement, read so strictly that every parser reads them the same way.

Comments are taken out. What the engine and another parser may read differently is refused: heredocs, Unicode quotes,
parameters, a second statement, characters of no SQL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read.core.sql_names import MEMBERSHIP, is_listed

STATEMENT_CHARS_MAX = 20_000
"""Characters of a statement. Chosen: ten pages; both parsers read it within some tens of milliseconds."""

NESTED_MAX = 64
"""Parentheses inside each other. Chosen: far above what people write, far below what exhausts a parser's stack."""

CLOSED_BY = {"(": ")", "[": "]"}
"""Brackets."""

TOKEN = re.compile(
    r"(?P<space>[ \t\r\n\f\v]+)|(?P<comment>--[^\n]*|/\*(?:(?!/\*|\*/).)*\*/)"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*')"
    r"|(?P<parameter>\{[ ]*[A-Za-z_][A-Za-z0-9_]*[ ]*:[^{}]{1,200}\})"
    r'|(?P<quoted>`[^`"\'\\\x00-\x1f\x7f()]{1,128}`|"[^`"\'\\\x00-\x1f\x7f()]{1,128}")'
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9][0-9A-Za-z_]*(?:\.[0-9]+)?(?:(?<=[eE])[+-][0-9]+)?|\.[0-9]+)"
    r"|(?P<end>;)|(?P<mark><=>|<=|>=|!=|<>|==|->|::|\|\||[-+*/%=<>(),.\[\]:?])",
    re.DOTALL,
)

BEFORE_PARENTHESIS = frozenset(
    """
    all and any array as asc between by case columns cross cube desc distinct div else end except exists filter first from
    grouping having ilike in inner intersect interval is join last left like limit mod not offset on or order outer over
    partition prewhere qualify regexp replace right rollup select semi sets strict then top union using when where with full
    global anti asof paste interpolate
    """.split()
)
"""Keywords that an opening parenthesis may follow, lower case."""

TYPES = frozenset(
    """
    array bool date date32 datetime datetime64 decimal decimal32 decimal64 decimal128 enum8 enum16 fixedstring float32 float64
    int8 int16 int32 int64 int128 lowcardinality map nullable string tuple uint8 uint16 uint32 uint64 uint128 uuid
    """.split()
)
"""Types, lower case; some take parameters."""

FORBIDDEN = frozenset(
    {"settings", "format", "outfile", "infile", "into", "apply", "aggregatefunction", "simpleaggregatefunction"}
)
"""Words that stand nowhere outside quotes, but `format(`."""


Token = tuple[str, str]
"""A piece of a statement: its kind, a group of TOKEN, and its text."""


def plain(tokens: Sequence[Token]) -> str:
    """The statement on one level of text: nothing that is not read the same by all. Raises SqlRefused."""
    words = [token for token in tokens if token[0] != "space"]
    _check_depth(words)
    for index, (kind, word) in enumerate(words):
        following = words[index + 1][1] if index + 1 < len(words) else ""
        _check(kind, word, following)
    return text_of(tokens)


def text_of(tokens: Sequence[Token]) -> str:
    """The text of tokens."""
    return "".join(word for _, word in tokens).strip()


def tokens_of(statement: str) -> list[Token]:
    """The tokens of a statement: no comments (a space stands for each), no last semicolon. Raises SqlRefused."""
    if len(statement) > STATEMENT_CHARS_MAX:
        raise SqlRefused(f"the statement has {len(statement)} characters; at most {STATEMENT_CHARS_MAX}")
    text, found, place = statement.strip(), [], 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise SqlRefused(
                f"character {text[place]!r} at position {place} is not allowed outside a string (one statement, no"
                " parameters, no heredocs; a name with other letters goes into backquotes)"
            )
        found.append(("space", " ") if match.lastgroup == "comment" else (match.lastgroup, match[0]))
        place = match.end()
    return _one(found)


def _one(tokens: list[Token]) -> list[Token]:
    """The tokens of the one statement. Raises SqlRefused where another one begins."""
    end = next((place for place, (kind, _) in enumerate(tokens) if kind == "end"), len(tokens))
    if any(kind != "space" for kind, _ in tokens[end + 1 :]):
        raise SqlRefused("';' ends the statement, and something follows it; one statement is allowed")
    return tokens[:end]


def _check(kind: str, word: str, following: str) -> None:
    if kind == "quoted" and following == "(":
        raise SqlRefused(f"quoted function {word} is not allowed; write its name plainly")
    if kind == "parameter":
        raise SqlRefused(f"the parameter {word[:100]} has no value; over HTTP, param_name=value gives it one")
    if kind != "word":
        return
    name = word.lower()
    if name in FORBIDDEN and not (name == "format" and following == "("):
        raise SqlRefused(f"{word!r} is not allowed; one SELECT over the v_ views is")
    if following == "(" and not (name in BEFORE_PARENTHESIS | TYPES | MEMBERSHIP or is_listed(name)):
        raise SqlRefused(f"function {word!r} is not on the list of allowed functions")


def _check_depth(words: Sequence[tuple[str, str]]) -> None:
    """Each bracket closes its own: so the statement stays one within brackets that are put around it."""
    waiting: list[str] = []
    for _, word in words:
        if word in CLOSED_BY:
            waiting.append(CLOSED_BY[word])
            if len(waiting) > NESTED_MAX:
                raise SqlRefused(f"parentheses are nested deeper than {NESTED_MAX}")
        elif word in (")", "]") and (not waiting or waiting.pop() != word):
            raise SqlRefused(f"{word!r} closes nothing that was opened")
    if waiting:
        raise SqlRefused(f"{len(waiting)} brackets are never closed")
