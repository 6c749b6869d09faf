"""References: how one asset names another, as `name@alias`, `name@version`, or `kind/name@...` where the kind is free.

A reference must lead to a stored version, or to one in the same batch: a chain that names a prompt nobody wrote is
refused when it is applied, not when a user asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from weir.registry.core.checks import Finding, is_name, shown
from weir.registry.core.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reference found in a definition. selector: alias or version. path: where it stands."""

    kind: str
    name: str
    selector: str
    path: str


def reference(value: object, path: str) -> Iterator[Finding]:
    """Check: text of the form name@alias or name@version."""
    if not isinstance(value, str) or _split(value) is None:
        yield path, f"is {shown(value)}; expected name@alias or name@version, for example docs-qa-prompt@prod"


def kind_reference(value: object, path: str) -> Iterator[Finding]:
    """Check: text of the form kind/name@alias or kind/name@version."""
    kind, _, rest = value.partition("/") if isinstance(value, str) else ("", "", "")
    if kind not in KINDS or _split(rest) is None:
        yield path, f"is {shown(value)}; expected kind/name@alias or kind/name@version, for example model/minilm@prod"


def wanted_by(kind: str, spec: Mapping[str, Any]) -> Iterator[Wanted]:
    """The references in a valid specification."""
    if kind != "chain":
        return
    for key in ("model", "prompt", "policy"):
        if key in spec:
            yield _wanted(key, spec[key], f"spec.{key}")
    for index, text in enumerate(spec.get("datasets", ())):
        yield _wanted("dataset", text, f"spec.datasets[{index}]")
    for index, node in enumerate(spec["nodes"]):
        if "uses" in node:
            target, _, rest = node["uses"].partition("/")
            yield _wanted(target, rest, f"spec.nodes[{index}].uses")


def _wanted(kind: str, text: str, path: str) -> Wanted:
    name, _, selector = text.partition("@")
    return Wanted(kind, name, selector, path)


def _split(text: str) -> tuple[str, str] | None:
    name, _, selector = text.partition("@")
    return (name, selector) if is_name(name) and is_name(selector) else None
