"""Prompt templates: `{{ name }}` and nothing else. User text is data; it is put in and never read as a template."""

from __future__ import annotations

import re
from collections.abc import Mapping

from weir.gateway.core.errors import Refusal

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def variables_of(template: str) -> set[str]:
    """The names that a template has a place for."""
    return set(VARIABLE.findall(template))


def rendered(template: str, values: Mapping[str, str]) -> str:
    """The template with its variables filled in. Raises Refusal naming a variable that has no value."""
    missing = sorted(variables_of(template) - set(values))
    if missing:
        raise Refusal(
            "invalid_request",
            f"the prompt template wants {', '.join(missing)}; this door knows {', '.join(sorted(values))}",
        )
    return VARIABLE.sub(lambda match: values[match[1]], template)
