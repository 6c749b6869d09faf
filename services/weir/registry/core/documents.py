"""Documents: what a person wrote, checked, and made into definitions with digests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from weir.assets.checks import Name, anything, is_name, one_of
from weir.assets.kinds import KINDS
from weir.assets.references import AssetReference
from weir.assets.shapes import Asset, InvalidAsset, check_of, parse, record, shaped
from weir.events import canonical_json, digest_of
from weir.registry.core.problems import Problem, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a person writes. spec: of the type that its kind says (`weir.assets.kinds`)."""

    kind: Annotated[str, one_of(*KINDS)]
    name: Name
    version: Name
    aliases: tuple[Name, ...] | None = None
    spec: Annotated[Any, anything]


@dataclass(frozen=True, slots=True)
class Definition:
    """One valid document: a version of an asset and the aliases that shall point to it.

    index: its place in the batch, counted from 0. digest: over the specification alone. references: what it names, each with
    the path where it stands.
    """

    index: int
    kind: str
    name: str
    version: str
    aliases: tuple[str, ...]
    digest: str
    body_json: str
    references: tuple[tuple[str, AssetReference], ...]

    def problem(self, path: str, message: str, reason: str) -> Problem:
        """A problem of this document."""
        return Problem(self.index, self.kind, self.name, path, message, reason)


def definitions_from(documents: Sequence[object]) -> tuple[Definition, ...]:
    """The definitions in a batch. Raises Refused with every problem of every document."""
    found: list[Definition] = []
    problems: list[Problem] = []
    for index, document in enumerate(documents):
        try:
            found.append(_definition(index, document))
        except InvalidAsset as error:
            kind, title = label(document, "kind") or "?", label(document, "name") or "?"
            problems += [Problem(index, kind, title, path, message) for path, message in error.findings]
    if problems:
        raise Refused(problems)
    return tuple(found)


def label(document: object, key: str) -> str:
    """The kind or name a document claims, where it is one; empty otherwise."""
    value = document.get(key) if isinstance(document, dict) else None
    return str(value) if is_name(value) else ""


def _definition(index: int, value: object) -> Definition:
    """The definition in a document. Raises InvalidAsset with what is wrong with the document and with its specification."""
    found = list(check_of(Document)(value, "document"))
    kind = KINDS.get(label(value, "kind"))
    asset: Asset | None = None
    if kind is not None and isinstance(value, dict) and "spec" in value:
        try:
            asset = parse(kind, value["spec"])
        except InvalidAsset as error:
            found += error.findings
    if found or asset is None:
        raise InvalidAsset(found)
    document, spec = shaped(Document, value, "document"), record(asset)
    return Definition(
        index=index,
        kind=document.kind,
        name=document.name,
        version=document.version,
        aliases=tuple(dict.fromkeys(document.aliases or ())),
        digest=digest_of(spec),
        body_json=canonical_json(spec),
        references=tuple(asset.references()),
    )
