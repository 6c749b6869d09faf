"""Approvals in the database: who approved which version."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, insert, select, tuple_

from weir.registry.adapters.tables import APPROVALS
from weir.registry.core.approval import VersionKey

KEY = (APPROVALS.c.kind, APPROVALS.c.name, APPROVALS.c.version)


def approved(connection: Connection, versions: Collection[VersionKey]) -> set[VersionKey]:
    """Those of the versions that somebody approved."""
    chosen = select(*KEY).where(tuple_(*KEY).in_(sorted(versions)))
    return {(kind, name, version) for kind, name, version in connection.execute(chosen)}


def write_approval(connection: Connection, version: VersionKey, approver: str, time_us: int) -> bool:
    """Store an approval; False when this person gave it before."""
    kind, name, label = version
    values = {"kind": kind, "name": name, "version": label, "approver": approver}
    same = [APPROVALS.c[column] == value for column, value in values.items()]
    if connection.execute(select(APPROVALS.c.time_us).where(*same)).first() is not None:
        return False
    connection.execute(insert(APPROVALS).values(**values, time_us=time_us))
    return True
