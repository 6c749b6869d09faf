"""Documents: what a person wrote, checked, and made into definitions with digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weir.events import canonical_json, digest_of
from weir.registry.core.checks import Finding, Key, is_name, list_of, name, one_of, shape, shown
from weir.registry.core.kinds import KINDS
from weir.registry.core.problems import Problem, Refused
from weir.registry.core.references import Wanted, wanted_by
from weir.registry.core.specs import spec_findings


@dataclass(frozen=True, slots=True)
class Definition:
    """One valid document: a version of an asset and the aliases that shall point to it.

    index: its place in the batch, counted from 0. digest: over the specification alone.
    """

    index: int
    kind: str
    name: str
    version: str
    aliases: tuple[str, ...]
    digest: str
    body_json: str
    wanted: tuple[Wanted, ...]

    def problem(self, path: str, message: str, reason: str) -> Problem:
        """A problem of this document."""
        return Problem(self.index, self.kind, self.name, path, message, reason)


def definitions_from(documents: Sequence[object]) -> tuple[Definition, ...]:
    """The definitions in a batch. Raises Refused with every problem of every document."""
    problems = [problem for index, document in enumerate(documents) for problem in _problems(index, document)]
    if problems:
        raise Refused(problems)
    return tuple(_definition(index, document) for index, document in enumerate(documents) if isinstance(document, dict))


def label(document: object, key: str) -> str:
    """The kind or name a document claims, where it is one; empty otherwise."""
    value = document.get(key) if isinstance(document, dict) else None
    return str(value) if is_name(value) else ""


def _problems(index: int, document: object) -> Iterator[Problem]:
    kind, title = label(document, "kind"), label(document, "name")
    for path, message in _findings(document):
        yield Problem(index, kind or "?", title or "?", path, message)


def _findings(document: object) -> Iterator[Finding]:
    if not isinstance(document, dict):
        yield "document", f"is {shown(document)}; expected a mapping with the keys {', '.join(DOCUMENT_KEYS)}"
        return
    yield from DOCUMENT(document, "document")
    if document.get("kind") in KINDS and "spec" in document:
        yield from spec_findings(document["kind"], document["spec"])


def _definition(index: int, document: Mapping[str, Any]) -> Definition:
    spec = document["spec"]
    return Definition(
        index=index,
        kind=document["kind"],
        name=document["name"],
        version=document["version"],
        aliases=tuple(dict.fromkeys(document.get("aliases", ()))),
        digest=digest_of(spec),
        body_json=canonical_json(spec),
        wanted=tuple(wanted_by(document["kind"], spec)),
    )


def _anything(value: object, path: str) -> Iterator[Finding]:
    yield from ()


DOCUMENT_KEYS: Mapping[str, Key] = {
    "kind": Key(one_of(*KINDS), is_required=True),
    "name": Key(name, is_required=True),
    "version": Key(name, is_required=True),
    "aliases": Key(list_of(name)),
    "spec": Key(_anything, is_required=True),
}
"""Keys of a document; the specification is checked by its kind."""

DOCUMENT = shape(DOCUMENT_KEYS)
