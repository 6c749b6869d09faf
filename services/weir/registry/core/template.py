"""Templates: the small part of jinja2 that a prompt may use, `{{ variable }}` and nothing else.

No statements, filters or attributes: a template is data, and whoever may write a prompt may not run code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from weir.registry.core.checks import Finding, shown

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
BRACES = re.compile(r"\{\{|\{%|\{#")


def variables_of(template: str) -> tuple[str, ...]:
    """Names of the variables in a template, each once, in order of first use."""
    return tuple(dict.fromkeys(VARIABLE.findall(template)))


def template_findings(spec: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with a prompt whose shape is right: foreign syntax, undeclared, unused or repeated variables."""
    template: str = spec["template"]
    for found in BRACES.finditer(VARIABLE.sub("", template)):
        rest = VARIABLE.sub("", template)[found.start() :]
        yield "spec.template", f"has {shown(rest[:20])}; only {{{{ variable }}}} is accepted"
    declared: list[str] = spec["variables"]
    used = variables_of(template)
    for name in used:
        if name not in declared:
            yield "spec.template", f"uses the variable {name!r} that spec.variables does not declare"
    for name in dict.fromkeys(declared):
        if name not in used:
            yield "spec.variables", f"declares {name!r} that the template does not use"
        if declared.count(name) > 1:
            yield "spec.variables", f"declares {name!r} more than once"
