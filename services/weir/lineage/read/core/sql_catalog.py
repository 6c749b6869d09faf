"""Names that stock clients use, put into those of the published views before a statement is checked.

`system.tables` and its three neighbours become the views of what is published, `default.v_spans` becomes `v_spans`, and
SHOW TABLES, SHOW DATABASES and EXISTS become the SELECT that they mean. What comes out is checked like any statement and
runs as it was checked; nothing here lets anything pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read.core.sql_names import CATALOG, READABLE, VIEWS
from weir.lineage.read.core.sql_text import Token, tokens_of

SHOW = re.compile(
    r"show (?P<full>full )?(?P<what>tables|databases)(?: (?:from|in) (?P<database>\S+))?"
    r"(?: (?P<like>(?:not )?i?like) (?P<text>'(?:[^'\\]|\\.|'')*'))?",
    re.DOTALL,
)
"""SHOW TABLES and SHOW DATABASES, its words in lower case and one space between two."""

SERVED = "SHOW [FULL] TABLES [FROM database] [LIKE 'text'], SHOW DATABASES [LIKE 'text'], EXISTS view"

NAMED = ("word", "quoted")
"""Kinds of tokens that a name may be."""


def published(tokens: Sequence[Token], database: str) -> list[Token]:
    """The tokens with every name of the catalog and of the database put into a published one. Raises SqlRefused."""
    found = list(tokens)
    place = 0
    while place + 2 < len(found):
        first, dot, last = found[place : place + 3]
        is_qualified = first[0] in NAMED and dot[1] == "." and last[0] in NAMED
        if is_qualified and (place == 0 or found[place - 1][1] != "."):
            name = _published(_bare(first), _bare(last), database)
            if name is not None:
                found[place : place + 3] = [("word", name)]
        place += 1
    return _shown([token for token in found if token[0] != "space"], database) or found


def described(tokens: Sequence[Token]) -> str | Sequence[Token] | None:
    """What DESCRIBE asks for: the name of a view, or the tokens of a query in brackets; None for another statement."""
    words = [token for token in tokens if token[0] != "space"]
    if not words or words[0][0] != "word" or words[0][1].lower() not in ("describe", "desc"):
        return None
    rest = words[2:] if len(words) > 1 and words[1][1].lower() == "table" else words[1:]
    if len(rest) == 1 and rest[0][0] in NAMED:
        return _bare(rest[0])
    if len(rest) > 2 and rest[0][1] == "(" and rest[-1][1] == ")":
        begin = next(place for place, token in enumerate(tokens) if token[1] == "(")
        end = max(place for place, token in enumerate(tokens) if token[1] == ")")
        return tokens[begin + 1 : end]
    raise SqlRefused("DESCRIBE takes the name of a published view, or a query in brackets")


def unpublished(name: str) -> str:
    """Why a table is not read, and what is in its place. name: as it was written, with its database where it had one."""
    if name.startswith("system."):
        return f"{name[:100]} is not published; of system there are: {', '.join(CATALOG)}"
    where = ", without a database or with the store's own" if "." in name else ""
    return f"table {name[:100]!r} is not published; published{where}: {', '.join(sorted(VIEWS))}"


def _published(first: str, last: str, database: str) -> str | None:
    """The published name behind a qualified one; None for any other, which is left to the gate."""
    if first == "system":
        return CATALOG.get(last)
    return last if first == database and last in READABLE else None


def _bare(token: Token) -> str:
    return token[1][1:-1] if token[0] == "quoted" else token[1]


def _shown(words: Sequence[Token], database: str) -> list[Token] | None:
    """The SELECT behind SHOW TABLES, SHOW DATABASES and EXISTS; None for another statement."""
    if not words or words[0][1].lower() not in ("show", "exists") or words[0][0] != "word":
        return None
    text = " ".join(word if kind == "text" else _bare((kind, word)).lower() for kind, word in words)
    exists = re.fullmatch(r"exists (?:table |view )?(\w+)", text)
    if exists and exists[1] in READABLE:
        return _select("toUInt8(count()) AS result", "published_tables", [f"name = '{exists[1]}'"])
    match = SHOW.fullmatch(text)
    if match is None:
        raise SqlRefused(f"of SHOW and EXISTS these are served: {SERVED}")
    if match["database"] and match["database"] != database.lower():
        raise SqlRefused(f"database {match['database'][:100]!r} is not published; published: {database}")
    what = "name, 'VIEW' AS table_type" if match["full"] else "name"
    condition = [f"name {match['like']} {match['text']}"] if match["like"] else ()
    return _select(what, f"published_{match['what']}", condition)


def _select(what: str, view: str, conditions: Sequence[str]) -> list[Token]:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "" if "count()" in what else " ORDER BY name"
    return tokens_of(f"SELECT {what} FROM {view}{where}{order}")
