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

SUBSCRIPTS_MAX = 32
"""Brackets `[1][1]` one after another. Chosen: an array has a few levels; sqlglot's stack ends at some hundreds."""

ARROWS_MAX = 16
"""Arrows `->` between two commas within the same brackets. Chosen: a lambda has one."""

PIECE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\.|[^\\]+", re.DOTALL)
"""A piece of a string: the code of a byte, another escape, or what stands for itself."""

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
    _check_chains(words)
    _check_arrows(words)
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
    if kind == "text":
        _check_bytes(word)
    if kind != "word":
        return
    name = word.lower()
    if name in FORBIDDEN and not (name == "format" and following == "("):
        raise SqlRefused(f"{word!r} is not allowed; one SELECT over the v_ views is")
    if following == "(" and not (name in BEFORE_PARENTHESIS | TYPES | MEMBERSHIP or is_listed(name)):
        raise SqlRefused(f"function {word!r} is not on the list of allowed functions")


def _check_bytes(word: str) -> None:
    """The codes of bytes in a string make characters: the engine's tree comes as text."""
    pieces = (
        bytes([int(piece[1], 16)]) if piece[1] else piece[0].encode(errors="replace") for piece in PIECE.finditer(word)
    )
    held = b"".join(pieces)
    try:
        held.decode()
    except UnicodeDecodeError as error:
        raise SqlRefused(
            f"the string {word[:100]} holds the byte {held[error.start]:#x}, which is no UTF-8 there; write characters,"
            " or compare hex(...) of a value"
        ) from error


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


def _check_chains(words: Sequence[Token]) -> None:
    """What sqlglot reads again for each link of a chain: many subscripts, and functions after a dot."""
    waiting: list[int] = []
    closed = 0
    for index, (kind, word) in enumerate(words):
        before = words[index - 1][1] if index else ""
        following = words[index + 1][1] if index + 1 < len(words) else ""
        if word == "[":
            waiting.append(closed + 1 if before == "]" else 1)
            if waiting[-1] > SUBSCRIPTS_MAX:
                raise SqlRefused(f"more than {SUBSCRIPTS_MAX} subscripts [..] stand one after another")
        elif word == "]":
            closed = waiting.pop()
        elif kind in ("word", "quoted") and before == "." and following == "(":
            raise SqlRefused(
                f"{word[:100]!r} is called after a dot; write the function first, with what it takes in it"
            )


def _check_arrows(words: Sequence[Token]) -> None:
    """An arrow stands behind a name, or a list of names in brackets: `x -> ...`, `(x, y) -> ...`; each lambda has its own."""
    counts = [0]
    names = [True]  # whether the brackets hold names and commas alone, so far
    is_list = False
    for index, (kind, word) in enumerate(words):
        if word == "->":
            counts[-1] += 1
            before = words[index - 1] if index else ("", "")
            if before[0] not in ("word", "quoted") and not (before[1] == ")" and is_list):
                raise SqlRefused("'->' takes a name before it, or names in brackets: x -> ..., (x, y) -> ...")
            if counts[-1] > ARROWS_MAX:
                raise SqlRefused(f"more than {ARROWS_MAX} arrows '->' stand one after another")
        if word in CLOSED_BY:
            counts.append(0)
            names.append(True)
        elif word in CLOSED_BY.values():
            counts.pop()
            is_list = names.pop()
            names[-1] = False
        elif word == ",":
            counts[-1] = 0
        elif kind not in ("word", "quoted"):
            names[-1] = False
