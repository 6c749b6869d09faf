"""Variables that a module's source takes from its own environment: `os.environ[NAME]` and `os.environ.get(NAME)`.

A name is a text or a constant of the module. A name that is only written down, for another process, is not taken.
"""

from __future__ import annotations

import ast


def taken_in(source: str) -> set[str]:
    """Names of the variables that the source takes and that stand in it."""
    tree = ast.parse(source)
    constants = {
        target.id: value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and (value := _text(statement.value, {})) is not None
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    keys = [key for node in ast.walk(tree) if (key := _key(node)) is not None]
    return {name for key in keys if (name := _text(key, constants)) is not None}


def _key(node: ast.AST) -> ast.expr | None:
    """What is asked for, where the node asks the environment."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return node.slice if ast.unparse(node.value) == "os.environ" else None
    if isinstance(node, ast.Call) and node.args:
        return node.args[0] if ast.unparse(node.func) == "os.environ.get" else None
    return None


def _text(node: ast.expr, constants: dict[str, str]) -> str | None:
    """The text that an expression is; none where it is made in another way."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return constants.get(node.id) if isinstance(node, ast.Name) else None
