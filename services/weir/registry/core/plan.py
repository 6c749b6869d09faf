"""Plan: what an apply changes, decided against the inventory before anything is written.

All documents or none. Inside a batch the order is free: a chain may name a prompt that stands below it. A version is
immutable: the same digest again is no change, another digest is a conflict that names both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weir.registry.core.documents import Definition
from weir.registry.core.inventory import Inventory, StoredAsset
from weir.registry.core.problems import CONFLICT, INVALID, Problem, Refused

CREATED = "created"
UNCHANGED = "unchanged"
ALIAS_MOVED = "alias_moved"


@dataclass(frozen=True, slots=True)
class Change:
    """One effect of an apply.

    change: CREATED, UNCHANGED or ALIAS_MOVED. alias and previous_digest: for a moved alias; previous_digest is empty
    when the alias is new.
    """

    change: str
    kind: str
    name: str
    version: str
    digest: str
    body_json: str
    alias: str = ""
    previous_digest: str = ""


def plan(definitions: Sequence[Definition], inventory: Inventory) -> tuple[Change, ...]:
    """The changes that make the store hold these definitions: versions first, then aliases.

    Raises Refused when a version exists with another body, a reference leads nowhere, or the batch contradicts itself.
    """
    after = inventory_after(definitions, inventory)
    problems = [
        *_repeated(definitions),
        *(problem for one in definitions for problem in _conflicts(one, inventory, after)),
        *(problem for one in definitions for problem in _dangling(one, after)),
    ]
    if problems:
        raise Refused(problems)
    versions = [_version_change(one, inventory) for one in definitions]
    aliases = [change for one in definitions for change in _alias_changes(one, inventory)]
    return (*versions, *aliases)


def inventory_after(definitions: Sequence[Definition], inventory: Inventory) -> Inventory:
    """The inventory as it is once the batch is applied."""
    assets = dict(inventory.assets)
    for one in definitions:
        asset = assets.get((one.kind, one.name), StoredAsset())
        assets[one.kind, one.name] = StoredAsset(
            {**asset.versions, one.version: one.digest}, {**asset.aliases, **dict.fromkeys(one.aliases, one.version)}
        )
    return Inventory(assets)


def _version_change(one: Definition, inventory: Inventory) -> Change:
    exists = one.version in inventory.asset(one.kind, one.name).versions
    return Change(UNCHANGED if exists else CREATED, one.kind, one.name, one.version, one.digest, one.body_json)


def _alias_changes(one: Definition, inventory: Inventory) -> Iterator[Change]:
    asset = inventory.asset(one.kind, one.name)
    for alias in one.aliases:
        before = asset.aliases.get(alias)
        if before != one.version:
            previous = asset.versions[before] if before is not None else ""
            yield Change(ALIAS_MOVED, one.kind, one.name, one.version, one.digest, one.body_json, alias, previous)


def _repeated(definitions: Sequence[Definition]) -> Iterator[Problem]:
    versions: dict[tuple[str, str, str], int] = {}
    aliases: dict[tuple[str, str, str], int] = {}
    for one in definitions:
        first = versions.setdefault((one.kind, one.name, one.version), one.index)
        if first != one.index:
            yield one.problem("version", f"{one.version!r} is defined in document {first + 1} already", INVALID)
        for alias in one.aliases:
            first = aliases.setdefault((one.kind, one.name, alias), one.index)
            if first != one.index:
                yield one.problem("aliases", f"{alias!r} is moved in document {first + 1} already", INVALID)


def _conflicts(one: Definition, inventory: Inventory, after: Inventory) -> Iterator[Problem]:
    stored = inventory.asset(one.kind, one.name).versions.get(one.version, one.digest)
    names = after.asset(one.kind, one.name)
    if stored != one.digest:
        message = (
            f"version {one.version!r} is stored with digest {stored} and this body has {one.digest}; "
            f"versions are immutable: give the new body a new version, or restore the old body"
        )
        yield one.problem("spec", message, CONFLICT)
    for alias in one.aliases:
        if alias in names.versions:
            yield one.problem("aliases", f"{alias!r} is a version of this {one.kind}; choose another alias", INVALID)
    if one.version in names.aliases:
        yield one.problem("version", f"{one.version!r} is an alias of this {one.kind}; choose another version", INVALID)


def _dangling(one: Definition, after: Inventory) -> Iterator[Problem]:
    for path, reference in one.references:
        if after.asset(reference.kind, reference.name).find(reference.selector) is None:
            known = after.known(reference.kind, reference.name)
            yield one.problem(path, f"names {reference.name}@{reference.selector}; {known}", INVALID)
