"""Templates: the small part of jinja2 that a prompt may use, `{{ variable }}` and nothing else.

No statements, filters or attributes: a template is data, and whoever may write a prompt may not run code. User text is data
too: it is put in and never read as a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
FILLED = ("question", "system", "history")
"""Variables that the gateway fills from a conversation (docs/openai.md)."""

BRACES = re.compile(r"\{\{|\{%|\{#")


def variables_of(template: str) -> tuple[str, ...]:
    """Names of the variables in a template, each once, in order of first use."""
    return tuple(dict.fromkeys(VARIABLE.findall(template)))


def unfillable(template: str) -> str:
    """What keeps the gateway from filling a template, of which it is said; empty for nothing."""
    used, expected = variables_of(template), "expected {{ question }}, and {{ system }} and {{ history }} where wanted"
    unknown = [name for name in used if name not in FILLED]
    if unknown:
        return f"has the variable {unknown[0]!r}, which the gateway does not fill; {expected}"
    return "" if "question" in used else f"has no place for what is asked; {expected}"


def foreign_syntax(template: str) -> Iterator[str]:
    """What a template holds from each pair of braces on that is no variable."""
    rest = VARIABLE.sub("", template)
    for found in BRACES.finditer(rest):
        yield rest[found.start() :]


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its variables filled in. Raises KeyError for a variable without a value."""
    return VARIABLE.sub(lambda match: values[match[1]], template)
