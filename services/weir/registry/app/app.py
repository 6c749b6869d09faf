"""Registry: applies definitions and answers what is stored; the work behind the API.

Every method is one transaction and blocks for it, some milliseconds; the API calls them from worker threads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from weir.registry.adapters import approvals, assets, outbox
from weir.registry.adapters.database import Database
from weir.registry.adapters.metrics import CHANGES, REFUSALS
from weir.registry.adapters.outbox import Act
from weir.registry.core.approval import guarded, own_work, unapproved
from weir.registry.core.difference import FieldChange, difference
from weir.registry.core.documents import Definition, definitions_from, label
from weir.registry.core.filling import filling_problems, prompt_named
from weir.registry.core.governance import EXECUTED, REFUSED
from weir.registry.core.inventory import AssetKey, Inventory
from weir.registry.core.plan import ALIAS_MOVED, UNCHANGED, Change, inventory_after, plan
from weir.registry.core.problems import Problem, Refused
from weir.registry.core.stored import AliasRow, ChangeRow, VersionRow
from weir.runtime.clock import now_us

APPLY = "asset.apply"
MOVE = "alias.move"
APPROVE = "asset.approve"


class NotFound(Exception):
    """What was asked for is not stored; the text says what there is instead."""


class Registry:
    """Applies, aliases, approvals, look-ups, differences and history over one database."""

    def __init__(
        self, database: Database, on_change: Callable[[], None], approved_aliases: Collection[str] = ()
    ) -> None:
        """on_change: called after a transaction that wrote events, from the thread that ran it.

        approved_aliases: those that move to approved versions only.
        """
        self._database = database
        self._on_change = on_change
        self._approved_aliases = frozenset(approved_aliases)

    def apply(self, documents: Sequence[object], author: str, *, dry_run: bool) -> tuple[Change, ...]:
        """Make the store hold all documents, or none. Raises Refused with every problem; the refusal is recorded.

        dry_run: decide only; nothing is stored or recorded.
        """
        time_us = now_us()

        def refuse(connection: Connection, error: NotFound | Refused) -> None:
            _record_refusal(connection, documents, error, author, time_us)

        with self._governed(refuse, dry_run=dry_run) as connection:
            definitions = definitions_from(documents)
            inventory = assets.read_inventory(connection, _keys(definitions))
            changes = plan(definitions, inventory)
            _demand_fillable(connection, definitions, inventory)
            self._demand_approval(connection, changes, definitions)
            if not dry_run:
                _store(connection, changes, author, time_us)
        return changes

    def move_alias(self, kind: str, name: str, alias: str, version: str, author: str) -> Change:
        """Point an alias to a stored version. Raises NotFound or Refused; the refusal is recorded."""
        time_us = now_us()

        def refuse(connection: Connection, error: NotFound | Refused) -> None:
            outbox.put_act(connection, Act(author, MOVE, kind, name, "", REFUSED, str(error)), time_us)

        with self._governed(refuse) as connection:
            change = _alias_change(connection, kind, name, alias, version)
            moved = _moved(change)
            _demand_fillable(connection, [moved], assets.read_inventory(connection, _keys([moved])))
            self._demand_approval(connection, (change,))
            _store(connection, (change,), author, time_us)
        return change

    def approve(self, kind: str, name: str, selector: str, approver: str) -> VersionRow:
        """Record that somebody approves a version. Raises NotFound, or Refused for its own author; both are recorded."""
        time_us = now_us()

        def refuse(connection: Connection, error: NotFound | Refused) -> None:
            outbox.put_act(connection, Act(approver, APPROVE, kind, name, "", REFUSED, str(error)), time_us)

        with self._governed(refuse) as connection:
            row, _ = _find(connection, kind, name, selector)
            if problem := own_work((kind, name, row.version), row.author, approver):
                raise Refused([problem])
            approvals.write_approval(connection, (kind, name, row.version), approver, time_us)
            act = Act(approver, APPROVE, kind, name, row.digest, EXECUTED, f"approved version {row.version}")
            outbox.put_act(connection, act, time_us)
        return row

    def versions(self, kind: str = "", name: str = "") -> list[VersionRow]:
        """Versions, newest first."""
        with self._database.reading() as connection:
            return assets.list_versions(connection, kind, name)

    def aliases(self, kind: str = "", name: str = "") -> list[AliasRow]:
        """Aliases by name."""
        with self._database.reading() as connection:
            return assets.list_aliases(connection, kind, name)

    def history(self, from_us: int, to_us: int, kind: str = "", name: str = "") -> Sequence[ChangeRow]:
        """Changes in a time, newest first."""
        with self._database.reading() as connection:
            return assets.list_changes(connection, from_us, to_us, kind, name)

    def version(self, kind: str, name: str, selector: str) -> tuple[VersionRow, Mapping[str, Any]]:
        """A version and its specification, by version label, alias or digest. Raises NotFound."""
        with self._database.reading() as connection:
            return _find(connection, kind, name, selector)

    def difference(self, kind: str, name: str, before: str, after: str) -> tuple[FieldChange, ...]:
        """How two versions differ. Raises NotFound."""
        with self._database.reading() as connection:
            _, old = _find(connection, kind, name, before)
            _, new = _find(connection, kind, name, after)
        return difference(old, new)

    @contextmanager
    def _governed(
        self, refuse: Callable[[Connection, NotFound | Refused], None], *, dry_run: bool = False
    ) -> Iterator[Connection]:
        """A writing transaction. A refusal in it is recorded with `refuse`, unless it is a dry run, and then raised."""
        refusal: NotFound | Refused | None = None
        with self._database.writing() as connection:
            try:
                yield connection
            except (NotFound, Refused) as error:
                refusal = error
                if not dry_run:
                    refuse(connection, error)
        if not dry_run:
            self._on_change()
        if refusal is not None:
            REFUSALS.labels("not_found" if isinstance(refusal, NotFound) else refusal.reason).inc()
            raise refusal

    def _demand_approval(
        self, connection: Connection, changes: Sequence[Change], definitions: Sequence[Definition] = ()
    ) -> None:
        moves = guarded(changes, self._approved_aliases)
        known = approvals.approved(connection, [(one.kind, one.name, one.version) for one in moves]) if moves else ()
        if problems := list(unapproved(moves, known, definitions)):
            raise Refused(problems)


def _keys(definitions: Sequence[Definition]) -> Iterator[AssetKey]:
    for one in definitions:
        yield one.kind, one.name
        for _, reference in one.references:
            yield reference.kind, reference.name


def _moved(change: Change) -> Definition:
    """The stored version that an alias moves to, as if it were applied with the alias."""
    prompt = prompt_named(change.body_json) if change.kind == "chain" else None
    return Definition(
        index=0,
        kind=change.kind,
        name=change.name,
        version=change.version,
        aliases=(change.alias,),
        digest=change.digest,
        body_json=change.body_json,
        references=(("spec.prompt", prompt.of("prompt")),) if prompt else (),
    )


def _demand_fillable(connection: Connection, definitions: Sequence[Definition], inventory: Inventory) -> None:
    """Raises Refused for a prompt that the definitions bring into use and the gateway could not fill."""
    bodies = {(one.name, one.version): one.body_json for one in definitions if one.kind == "prompt"}

    def body_of(name: str, version: str) -> str:
        return bodies.get((name, version)) or assets.read_version(connection, "prompt", name, version)[1]

    after, served = inventory_after(definitions, inventory), assets.read_served(connection, "chain") if bodies else {}
    if problems := list(filling_problems(definitions, after, served, body_of)):
        raise Refused(problems)


def _store(connection: Connection, changes: Sequence[Change], author: str, time_us: int) -> None:
    for change in changes:
        if change.change != UNCHANGED:
            row = assets.write_change(connection, change, author, time_us)
            outbox.put_change(connection, row, change.body_json)
        action = MOVE if change.alias else APPLY
        reason = f"{change.alias} -> {change.version}" if change.alias else f"{change.change} version {change.version}"
        act = Act(author, action, change.kind, change.name, change.digest, EXECUTED, reason)
        outbox.put_act(connection, act, time_us)
        CHANGES.labels(change.change).inc()


def _record_refusal(
    connection: Connection, documents: Sequence[object], error: NotFound | Refused, author: str, time_us: int
) -> None:
    for index, document in enumerate(documents):
        own = [str(one) for one in (error.problems if isinstance(error, Refused) else ()) if one.document == index]
        reason = "; ".join(own) or "another document of the batch was refused"
        kind, name = label(document, "kind") or "unknown", label(document, "name") or f"document-{index}"
        outbox.put_act(connection, Act(author, APPLY, kind, name, "", REFUSED, reason), time_us)


def _alias_change(connection: Connection, kind: str, name: str, alias: str, version: str) -> Change:
    inventory = assets.read_inventory(connection, [(kind, name)])
    asset = inventory.asset(kind, name)
    if version not in asset.versions:
        raise NotFound(f"version {version!r} is not stored; {inventory.known(kind, name)}")
    if alias in asset.versions:
        message = f"{alias!r} is a version of this {kind}; choose another alias"
        raise Refused([Problem(0, kind, name, "alias", message)])
    before = asset.aliases.get(alias)
    _, body_json = assets.read_version(connection, kind, name, version)
    change = UNCHANGED if before == version else ALIAS_MOVED
    previous = asset.versions[before] if before is not None else ""
    return Change(change, kind, name, version, asset.versions[version], body_json, alias, previous)


def _find(connection: Connection, kind: str, name: str, selector: str) -> tuple[VersionRow, Mapping[str, Any]]:
    inventory = assets.read_inventory(connection, [(kind, name)])
    asset = inventory.asset(kind, name)
    by_digest = [version for version, digest in asset.versions.items() if digest == selector]
    version = asset.find(selector) or (by_digest[-1] if by_digest else None)
    if version is None:
        raise NotFound(f"{kind} {name!r} has no version, alias or digest {selector!r}; {inventory.known(kind, name)}")
    row, body_json = assets.read_version(connection, kind, name, version)
    return row, json.loads(body_json)
