"""How many tables a statement reads once every WITH is put where it is used, as the engine does before it looks at the clock.

A chain in which each query reads the one before it twice doubles with each link: 14 links of a few words take the engine 13 s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from weir.lineage.core.sql_strings import SqlRefused

TABLES_MAX = 256
"""Tables that a statement reads, each WITH counted as often as it is used; a query without a table counts as one. Measured:
a chain of doublings takes the engine 0.2 s for 256 and 0.9 s for 1,024."""


def check_expansion(scopes: Sequence[Scope], bare: Callable[[exp.In], Iterable[str]]) -> None:
    """Raise SqlRefused where the statement reads too many. scopes: inner ones first. bare: names where IN takes a table."""
    sizes: dict[int, int] = {}
    for scope in scopes:
        defined = {name: sizes.get(id(source), 1) for name, source in scope.cte_sources.items()}
        inner = (*scope.set_operation_scopes, *scope.table_scopes, *scope.subquery_scopes)
        used = [table.name for table in scope.tables]
        used += [name for membership in scope.find_all(exp.In) for name in bare(membership)]
        size = sum(sizes.get(id(one), 1) for one in inner) + sum(defined.get(name, 1) for name in used)
        sizes[id(scope)] = max(1, size)
        if size > TABLES_MAX:
            widest = max((name for name in used if name in defined), key=lambda name: defined[name], default="")
            of_whom = f"; {widest!r} alone reads {defined[widest]} each time it is used" if widest else ""
            raise SqlRefused(
                f"the statement reads {size} tables, each WITH counted as often as it is used; at most {TABLES_MAX}{of_whom}"
            )
