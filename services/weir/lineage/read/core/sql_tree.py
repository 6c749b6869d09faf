"""The engine's own reading of a statement (EXPLAIN AST), held against the same lists: the last word before it runs.

One line is one node, indented by its depth: `   Function count (alias n) (children 1)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from weir.lineage.core.sql_strings import SqlRefused, unescaped, unquoted
from weir.lineage.read.core.sql_arguments import (
    NEEDLE_LISTS,
    NEEDLE_PLACES,
    NEEDLES_CHARS_MAX,
    PATTERN_PLACES,
    STARTED,
    TIMES,
    WITH_ORIGIN,
    ZONE_PLACES,
    check_needle,
    check_pattern,
    check_type,
    check_zone_name,
)
from weir.lineage.read.core.sql_names import (
    HIGHER_ORDER,
    MEMBERSHIP,
    READABLE,
    TABLE_FUNCTIONS_TOO,
    TYPED,
    VIEWS,
    is_listed,
)
from weir.lineage.read.core.sql_search import IN_BOTH, IN_ITEMS, ITEMS_MAX, is_column, is_short_list, names_of_made

LINE = re.compile(r"( *)([A-Za-z:]+)(?: (.*?))??(?: \(alias ([^()]*)\))?(?: \(column [^()]*\))?(?: \(children \d+\))?")

KINDS = frozenset(
    """
    SelectWithUnionQuery SelectIntersectExceptQuery SelectQuery ExpressionList Identifier Literal Function Asterisk
    QualifiedAsterisk ColumnsRegexpMatcher ColumnsListMatcher QualifiedColumnsRegexpMatcher QualifiedColumnsListMatcher
    ColumnsTransformerList ColumnsExceptTransformer ColumnsReplaceTransformer ColumnsReplaceTransformer::Replacement
    TablesInSelectQuery TablesInSelectQueryElement TableExpression TableIdentifier TableJoin ArrayJoin Subquery WithElement
    OrderByElement InterpolateElement WindowDefinition WindowListElement SampleRatio
    """.split()
)
"""Kinds of nodes that a statement may have. A clause of settings is another kind, and so is APPLY."""

IN_TABLE_EXPRESSION = frozenset({"TableIdentifier", "Subquery", "SampleRatio", "ExpressionList"})
"""What may stand in a table's place; a function there is a table function."""

CLIENT_FORMATS: Sequence[list[tuple[str, str]]] = ([], [("Identifier", "TabSeparated")], [("Identifier", "Native")])
"""What may stand beside the query: nothing, or the format in which the client itself asks for the tree."""


def explaining(text: str) -> str:
    """The command whose answer, a text, is the engine's tree of a statement."""
    return f"EXPLAIN AST {text}"


@dataclass(slots=True)
class Node:
    """One node of the engine's tree."""

    kind: str
    name: str
    alias: str = ""
    children: list[Node] = field(default_factory=list)


def agree(tree: str, names: frozenset[str]) -> None:
    """Raise SqlRefused unless the engine reads nothing but what may run. names: what the statement defines in WITH."""
    root = _tree(tree.split("\n"))
    if root.kind != "SelectWithUnionQuery" or not root.children or root.children[0].kind != "ExpressionList":
        raise SqlRefused("the engine reads no SELECT here")
    if [(one.kind, one.name) for one in root.children[1:]] not in CLIENT_FORMATS:
        raise SqlRefused("FORMAT and INTO OUTFILE are not allowed")
    nodes = _all(root)
    small, made = _named(nodes)
    plain = None if _is_mixed(nodes) else made
    for node in nodes:
        _check(node, names)
        if node.kind == "Function" and node.children:
            _check_search(node, node.children[0].children, small, plain)


def _all(root: Node) -> list[Node]:
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += found[-1].children
    return found


def _named(nodes: Sequence[Node]) -> tuple[frozenset[str], frozenset[str]]:
    """Names that the statement gives to values that are written out, and to all it makes, lower case."""
    tables = {id(child) for node in nodes if node.kind == "TableExpression" for child in node.children}
    aliased = [node for node in nodes if node.alias and id(node) not in tables]
    made = names_of_made(
        (node.alias.lower() for node in aliased if node.kind != "Identifier"),
        ((node.alias.lower(), node.name) for node in aliased if node.kind == "Identifier"),
    )
    return made - {node.alias.lower() for node in aliased if not _is_written_out(node)}, made


def _is_mixed(nodes: Sequence[Node]) -> bool:
    """Whether a name may stand for several things: UNION takes the first query's names, and REPLACE shows none."""
    return any(
        "Replacement" in node.kind
        or node.kind == "SelectIntersectExceptQuery"
        or (node.kind == "SelectWithUnionQuery" and node.children and len(node.children[0].children) > 1)
        for node in nodes
    )


def _check_search(node: Node, arguments: Sequence[Node], small: frozenset[str], made: frozenset[str] | None) -> None:
    """What is searched, or what is searched for, is written out, or a column of the store.

    made: names of what the statement makes; None where no name can be trusted.
    """
    name = node.name.lower()
    if name not in IN_ITEMS | IN_BOTH or len(arguments) < 2:
        return
    named = [one.name if one.kind == "Identifier" and made is not None else "" for one in arguments]
    is_small = [_is_written_out(one) or found.lower() in small for one, found in zip(arguments, named, strict=False)]
    is_stored = [is_column(found, made or ()) for found in named]
    if all(is_stored) or (name in IN_ITEMS and (is_stored[0] or any(is_small[:2]))):
        return
    if name in IN_BOTH and sum(is_small) >= len(arguments) - 1:
        return
    raise SqlRefused(
        f"{node.name} searches what the statement makes; write one side out, as ['a', 'b'] with at most {ITEMS_MAX} items,"
        " or search a column of a view (or use IN)"
    )


def _is_written_out(node: Node) -> bool:
    """Whether a node is a value, or a short list of values, that stands in the statement."""
    if node.kind == "Literal":
        return is_short_list(node.name)
    if node.kind != "Function" or node.name.lower() not in ("array", "map", "tuple", "negate"):
        return False
    items = node.children[0].children if node.children else []
    return len(items) <= ITEMS_MAX and all(one.kind == "Literal" for one in items)


def _tree(lines: Sequence[str]) -> Node:
    stack: list[Node] = []
    for line in lines:
        if not line:
            continue
        match = LINE.fullmatch(line)
        if match is None or len(match[1]) > len(stack) or (stack and not match[1]):
            raise SqlRefused(f"the engine's tree cannot be read at {line.strip()[:100]!r}")
        node = Node(match[2], match[3] or "", match[4] or "")
        del stack[len(match[1]) :]
        if stack:
            stack[-1].children.append(node)
        stack.append(node)
    if not stack:
        raise SqlRefused("the engine reads no statement here")
    return stack[0]


def _check(node: Node, names: frozenset[str]) -> None:
    if node.kind not in KINDS:
        raise SqlRefused(f"{node.kind} is not allowed; one SELECT over the v_ views is")
    if node.kind == "TableIdentifier" and node.name not in READABLE and node.name not in names:
        raise SqlRefused(f"table {node.name!r} is not published; published: {', '.join(sorted(VIEWS))}")
    if node.kind == "TableExpression" and {child.kind for child in node.children} - IN_TABLE_EXPRESSION:
        raise SqlRefused("table functions are not allowed; only the v_ views are read")
    if node.kind == "Function":
        _check_function(node, names)


def _check_function(node: Node, names: frozenset[str]) -> None:
    name = node.name.lower()
    arguments = node.children[0].children if node.children else []
    if name in MEMBERSHIP:
        if len(arguments) != 2 or not _is_set(arguments[1], names):
            raise SqlRefused("IN takes a list, a query, or a published view")
    elif not is_listed(name):
        raise SqlRefused(f"function {node.name!r} is not on the list of allowed functions")
    if name in HIGHER_ORDER and len(arguments) > 1 and arguments[0].kind == "Identifier":
        raise SqlRefused(f"{node.name} takes a lambda first, x -> ...; a bare name would be read as a function's")
    if name in TYPED and (len(arguments) < 2 or arguments[-1].kind != "Literal" or _is_state(arguments[-1].name)):
        raise SqlRefused(f"{node.name} needs a type that is written out, and no state of an aggregate function")
    _check_arguments(node.name, arguments)


def _check_arguments(function: str, arguments: Sequence[Node]) -> None:
    """Zones, types and regular expressions are written out, and harmless."""
    name = function.lower()
    if name in TYPED:
        check_type(_text(arguments[-1]) or "")
    if name in PATTERN_PLACES and len(arguments) > PATTERN_PLACES[name]:
        pattern = _text(arguments[PATTERN_PLACES[name]])
        if pattern is None:
            raise SqlRefused(f"{function} takes a regular expression that is written out, a string")
        check_pattern(pattern)
    _check_needles(function, arguments)
    for place, argument in enumerate(arguments):
        if place >= ZONE_PLACES.get(name, len(arguments)) and not _is_origin(name, place, argument):
            if argument.kind != "Literal":
                raise SqlRefused(f"{function} takes a time zone that is written out, as 'UTC', for its last argument")
            zone = _text(argument)
            if zone is not None:
                check_zone_name(zone)


def _check_needles(function: str, arguments: Sequence[Node]) -> None:
    name = function.lower()
    if name in NEEDLE_PLACES and len(arguments) > NEEDLE_PLACES[name]:
        needle = _text(arguments[NEEDLE_PLACES[name]])
        if needle is None:
            raise SqlRefused(f"{function} takes what it looks for written out, a string")
        check_needle(needle)
    if name in STARTED and any(one.kind != "Literal" for one in arguments[2:]):
        raise SqlRefused(f"{function} takes the place where it starts written out, a number")
    if name in NEEDLE_LISTS and len(arguments) > 1:
        needles = arguments[1]
        if not _is_written_out(needles) or len(needles.name) > NEEDLES_CHARS_MAX:
            raise SqlRefused(f"{function} takes what it looks for written out, {NEEDLES_CHARS_MAX} characters at most")


def _is_origin(name: str, place: int, node: Node) -> bool:
    return name in WITH_ORIGIN and place == 2 and node.kind == "Function" and node.name.lower() in TIMES


def _text(node: Node) -> str | None:
    """The string that a node writes out; None for any other. The tree comes escaped once more, in one column."""
    shown = unescaped(node.name) if node.name.startswith("\\") else node.name
    is_text = node.kind == "Literal" and len(shown) > 1 and shown[0] == shown[-1] == "'"
    return unquoted(shown) if is_text else None


def _is_set(node: Node, names: frozenset[str]) -> bool:
    if node.kind == "Identifier":
        return node.name in READABLE or node.name in names
    return node.kind != "Function" or node.name.lower() not in TABLE_FUNCTIONS_TOO


def _is_state(type_name: str) -> bool:
    return "aggregatefunction" in type_name.lower()
