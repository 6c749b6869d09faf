"""References: how one asset names another, as `name@alias`, `name@version`, or `kind/name@...` where the kind is free.

A pinned reference (`weir.events.Reference`) names a version with its digest; this one names what a person wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from weir.assets.checks import Finding, is_name, shown

PROD = "prod"
"""The alias that runs: routes are served at it, evaluators score at it, and a reference without a selector means it."""


@dataclass(frozen=True, slots=True)
class AssetReference:
    """The name of a version. selector: alias or version. kind: empty where the place of the reference says it."""

    name: str
    selector: str = PROD
    kind: str = ""

    @classmethod
    def named(cls, text: str) -> AssetReference:
        """The reference `name@selector`; of a name alone, that to PROD."""
        name, _, selector = text.partition("@")
        return cls(name, selector or PROD)

    @classmethod
    def from_text(cls, text: str) -> AssetReference:
        """The same, where a kind may stand before it: `kind/name@selector`."""
        kind, _, rest = text.rpartition("/")
        return cls.named(rest).of(kind)

    def of(self, kind: str) -> AssetReference:
        """The same with its kind."""
        return replace(self, kind=kind)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}@{self.selector}" if self.kind else f"{self.name}@{self.selector}"


def reference(value: object, path: str) -> Iterator[Finding]:
    """Check: text of the form name@alias or name@version."""
    if not isinstance(value, str) or not _is_reference(value):
        yield path, f"is {shown(value)}; expected name@alias or name@version, for example docs-qa-prompt@prod"


def kind_reference(value: object, path: str) -> Iterator[Finding]:
    """Check: text of the form kind/name@alias or kind/name@version."""
    kind, _, rest = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not is_name(kind) or not _is_reference(rest):
        yield path, f"is {shown(value)}; expected kind/name@alias or kind/name@version, for example model/minilm@prod"


def _is_reference(text: str) -> bool:
    name, _, selector = text.partition("@")
    return is_name(name) and is_name(selector)
