"""Server-side parameters: `{name:Type}` in a statement, its value in `param_name` of the request.

A value is written into the statement as a literal before the statement is checked, so that the gate reads what runs: a
value can be nothing but a value. It comes in the engine's tab-separated escapes, as stock clients send it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from weir.lineage.core.sql_strings import SqlRefused, quoted, unescaped
from weir.lineage.read.core.sql_arguments import check_type
from weir.lineage.read.core.sql_text import Token, text_of, tokens_of

PARAMETERS_MAX = 256
"""Parameters of a statement. Chosen: above what a form of a dashboard has, below what makes its statement too long."""

PARAMETER = re.compile(r"\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*:\s*(.*?)\s*\}", re.DOTALL)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

COMPOSED = ("array(", "tuple(")
"""Beginnings of types, lower case, whose text has quoted strings in it, with escapes of their own."""


def bound(statement: str, values: Mapping[str, str]) -> str:
    """The statement with its parameters written out. Raises SqlRefused.

    values: text of each parameter by its name. One that the statement does not name is refused: it would be ignored.
    """
    if len(values) > PARAMETERS_MAX:
        raise SqlRefused(f"{len(values)} parameters; at most {PARAMETERS_MAX}")
    used: set[str] = set()
    text = text_of([_written(token, values, used) for token in tokens_of(statement)])
    unused = sorted(set(values) - used)
    if unused:
        raise SqlRefused(f"param_{unused[0][:100]} is given and the statement has no {{{unused[0][:100]}:Type}}")
    return text


def _written(token: Token, values: Mapping[str, str], used: set[str]) -> Token:
    kind, word = token
    match = PARAMETER.fullmatch(word) if kind == "parameter" else None
    if match is None:
        return token
    name, type_name = match[1], match[2]
    if name not in values:
        raise SqlRefused(f"parameter {name!r} has no value; send param_{name}=value")
    used.add(name)
    return "text", _literal(values[name], type_name)


def _literal(value: str, type_name: str) -> str:
    if type_name.lower() == "identifier":
        if NAME.fullmatch(value) is None:
            raise SqlRefused(f"{value[:100]!r} is no plain name, as an Identifier has to be")
        return value
    check_type(type_name)
    if "map(" in type_name.lower():
        raise SqlRefused(
            f"a parameter of type {type_name[:100]} is not served: the engine makes no map of a text; send arrays"
        )
    if value == "\\N":
        return f"CAST(NULL, {quoted(type_name)})"
    is_composed = type_name.lower().startswith(COMPOSED)
    text = quoted(value if is_composed else unescaped(value))
    return text if type_name == "String" else f"CAST({text}, {quoted(type_name)})"
