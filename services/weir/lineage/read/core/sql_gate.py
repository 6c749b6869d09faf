"""The gate before operator SQL: one SELECT over the published views, with listed functions, and nothing else.

Invariant: a statement runs only when every table it reads is a published view or a query that it defines itself, and
every function it calls is on the list. What is not known to be harmless is refused.

The embedded engine has no users and no row policies, and its read-only mode is no sandbox: `file()` reads files, `url()`
makes requests, INTO OUTFILE writes. So a statement passes three parsers: its words (`sql_text`), a maintained parser that
resolves its scopes (here, sqlglot), and the engine's own, asked before it runs (`sql_tree`). What they find is held against
one list of names (`sql_names`): a wrong name there is wrong for all three. It then runs as it was checked, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read.core.sql_catalog import described, published, unpublished
from weir.lineage.read.core.sql_expansion import check_expansion
from weir.lineage.read.core.sql_names import READABLE, VIEWS
from weir.lineage.read.core.sql_parse import parse
from weir.lineage.read.core.sql_text import plain, tokens_of

__all__ = ["VIEWS", "Checked", "SqlRefused", "checked"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""A name that a statement may define."""

CLAUSES = ("settings", "format", "into", "locks", "hint")
"""Clauses that change how a query runs, by sqlglot's names."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A statement that passed, as it is to run."""

    text: str
    names: frozenset[str] = frozenset()
    """Names that it defines in WITH: none of them is a table of the store."""
    query: str | None = None
    """The query in it that the engine's parser is asked about; None where it asks for a view's columns alone."""


def checked(statement: str, tables: Collection[str] = (), database: str = "default") -> Checked:
    """The statement as it may run, after the engine's own parser agreed. Raises SqlRefused.

    tables: every table and view of the store, published or not: a WITH may not hide one. database: the store's name.
    Names of the catalog, and of the database, become those of the published views before anything is checked.
    """
    tokens = published(tokens_of(statement), database)
    asked = described(tokens)
    if asked is None:
        return _checked_query(plain(tokens), tables)
    if isinstance(asked, str):
        _check_view(asked, frozenset())
        return Checked(f"DESCRIBE TABLE {asked}")
    inner = _checked_query(plain(asked), tables)
    return replace(inner, text=f"DESCRIBE TABLE ({inner.text})")


def _checked_query(text: str, tables: Collection[str]) -> Checked:
    tree = _parsed(text)
    names = _defined(tree, tables)
    _check_tables(tree, names)
    for clause in (node for node in tree.walk() if isinstance(node, exp.Query)):
        for name in CLAUSES:
            if clause.args.get(name):
                raise SqlRefused(f"{name.upper()} is not allowed; one SELECT over the v_ views is")
    return Checked(text, names, text)


def _parsed(text: str) -> exp.Expr:
    try:
        found = parse(text)
    except SqlRefused:
        raise
    except Exception as error:  # it raises many kinds; a parser that stumbles has not read the statement
        raise SqlRefused(f"the statement cannot be read: {_first_line(error)}") from error
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise SqlRefused("one SELECT (or WITH ... SELECT, or DESCRIBE) over the v_ views is allowed")
    return found[0]


def _defined(tree: exp.Expr, tables: Collection[str]) -> frozenset[str]:
    names = {definition.alias for definition in tree.find_all(exp.CTE)}
    taken = {table.lower() for table in tables} | READABLE
    for name in names:
        if not NAME.fullmatch(name) or name.lower() in taken:
            raise SqlRefused(f"WITH defines {name!r}, which is a table of the store, or no plain name; choose another")
    if any(alias.args.get("columns") for alias in tree.find_all(exp.TableAlias)):
        raise SqlRefused(
            "columns are named where they are made, SELECT ... AS name; not in a list after a table's name"
        )
    return frozenset(names)


def _check_tables(tree: exp.Expr, names: frozenset[str]) -> None:
    """Every table of every scope is a view, or defined in that scope."""
    try:
        scopes = traverse_scope(tree)
        check_expansion(scopes, _bare)
        resolved = {id(table): _readable(scope, names) for scope in scopes for table in scope.tables}
    except SqlRefused:
        raise
    except Exception as error:  # as above
        raise SqlRefused(f"the statement's names cannot be resolved: {_first_line(error)}") from error
    for table in tree.find_all(exp.Table):
        _check_table(table, resolved.get(id(table), frozenset()))
    for membership in tree.find_all(exp.In):
        for name in _bare(membership):
            _check_view(name, names)


def _readable(scope: Scope, names: frozenset[str]) -> frozenset[str]:
    return frozenset(scope.cte_sources) & names


def _check_table(table: exp.Table, readable: frozenset[str]) -> None:
    if not isinstance(table.this, exp.Identifier):
        raise SqlRefused(f"table function {table.this.sql(dialect='clickhouse')[:100]!r} is not allowed")
    if table.db or table.catalog:
        raise SqlRefused(unpublished(".".join(part.name for part in table.parts)))
    _check_view(table.name, readable)


def _bare(membership: exp.In) -> Iterable[str]:
    """Names that stand where IN takes a table."""
    given = [membership.args.get("field"), *(membership.expressions if len(membership.expressions) == 1 else ())]
    for one in given:
        inner = one
        while isinstance(inner, exp.Paren | exp.Tuple) and len(list(inner.iter_expressions())) == 1:
            inner = next(inner.iter_expressions())
        if isinstance(inner, exp.Column | exp.Identifier | exp.Table | exp.Dot):
            yield inner.sql(dialect="clickhouse")


def _check_view(name: str, readable: frozenset[str]) -> None:
    if name not in READABLE and name not in readable:
        raise SqlRefused(unpublished(name))


def _first_line(error: BaseException) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0][:300] if str(error) else type(error).__name__
