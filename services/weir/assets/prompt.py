"""A prompt: a template and the variables that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from weir.assets.checks import Finding, Text, shown
from weir.assets.shapes import Asset
from weir.assets.template import foreign_syntax, variables_of

FOREIGN_CHARS = 20
"""Characters of foreign syntax that an error repeats: enough to find it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt(Asset):
    """A template with `{{ variable }}` places. variables: their names, each once."""

    KIND = "prompt"

    template: Text
    variables: tuple[Text, ...] = ()
    description: Text | None = None

    def findings(self) -> Iterator[Finding]:
        """Foreign syntax; undeclared, unused and repeated variables."""
        for rest in foreign_syntax(self.template):
            yield "spec.template", f"has {shown(rest[:FOREIGN_CHARS])}; only {{{{ variable }}}} is accepted"
        used = variables_of(self.template)
        for name in used:
            if name not in self.variables:
                yield "spec.template", f"uses the variable {name!r} that spec.variables does not declare"
        for name in dict.fromkeys(self.variables):
            if name not in used:
                yield "spec.variables", f"declares {name!r} that the template does not use"
            if self.variables.count(name) > 1:
                yield "spec.variables", f"declares {name!r} more than once"
