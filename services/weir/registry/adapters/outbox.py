"""Outbox: events written in the transaction of their change, and the hash chain of the governance log.

The database is the producer of these events: it gives them their numbers, under a source and boot epoch fixed when it
was made. So the numbers stay gapless over restarts of the process, and an event keeps its id however often it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection, delete, func, insert, select, update

from weir.events import (
    EVENT_TYPES,
    TOPICS,
    Envelope,
    Event,
    GovernanceRecorded,
    RegistryChanged,
    canonical_json,
    named_id,
)
from weir.registry.adapters.tables import GOVERNANCE, META, OUTBOX
from weir.registry.core.governance import GENESIS, REASON_CHARS_MAX, seal
from weir.registry.core.stored import ChangeRow
from weir.runtime.kafka.relay import Unsent

CHANGES_TOPIC = "registry-changes"
GOVERNANCE_TOPIC = "governance-log"

Numbered = TypeVar("Numbered", bound=Envelope)


@dataclass(frozen=True, slots=True)
class Act:
    """A governed action to be recorded. decision: executed or refused."""

    actor: str
    action: str
    kind: str
    name: str
    digest: str
    decision: str
    reason: str = ""


def put_change(connection: Connection, row: ChangeRow, body_json: str) -> None:
    """Write the event of a stored change."""
    made = RegistryChanged(
        event_id="",
        tenant="",
        event_time_us=row.time_us,
        revision=row.revision,
        change=row.change,
        kind=row.kind,
        name=row.name,
        version=row.version,
        digest=row.digest,
        alias=row.alias,
        previous_digest=row.previous_digest,
        body_json=body_json,
        author=row.author,
    )
    event, position = _number(connection, made, "change")
    key = f"{row.kind}/{row.name}:{row.alias}" if row.alias else f"{row.kind}/{row.name}@{row.version}"
    _put(connection, position, CHANGES_TOPIC, key, event)


def put_act(connection: Connection, act: Act, time_us: int) -> None:
    """Write the record of a governed action, chained to the one before."""
    made = GovernanceRecorded(
        event_id="",
        tenant="",
        event_time_us=time_us,
        actor=act.actor,
        action=act.action,
        kind=act.kind,
        name=act.name,
        digest=act.digest,
        decision=act.decision,
        reason=act.reason[:REASON_CHARS_MAX],
        previous_hash="",
        record_hash="",
    )
    numbered, position = _number(connection, made, "act")
    last = connection.execute(
        select(GOVERNANCE.c.number, GOVERNANCE.c.record_hash).order_by(GOVERNANCE.c.number.desc()).limit(1)
    ).first()
    number, previous_hash = (last[0] + 1, last[1]) if last else (1, GENESIS)
    record = seal(numbered, previous_hash)
    body = canonical_json(record.as_record())
    connection.execute(insert(GOVERNANCE).values(number=number, record_hash=record.record_hash, record_json=body))
    _put(connection, position, GOVERNANCE_TOPIC, f"{act.kind}/{act.name}", record)


def waiting(connection: Connection, count_max: int) -> Sequence[Unsent[Event]]:
    """The first unsent events, in order."""
    columns = (OUTBOX.c.position, OUTBOX.c.topic, OUTBOX.c.key, OUTBOX.c.record_json)
    chosen = select(*columns).where(OUTBOX.c.is_sent.is_(False)).order_by(OUTBOX.c.position).limit(count_max)
    return [
        Unsent(position, topic, key, EVENT_TYPES[TOPICS[topic].event].from_record(json.loads(record_json)))
        for position, topic, key, record_json in connection.execute(chosen)
    ]


def waiting_count(connection: Connection) -> int:
    """How many events are unsent."""
    return int(connection.scalar(select(func.count()).where(OUTBOX.c.is_sent.is_(False))) or 0)


def mark_sent(connection: Connection, positions: Sequence[int]) -> None:
    """Remember that the broker acknowledged these events."""
    connection.execute(update(OUTBOX).where(OUTBOX.c.position.in_(positions)).values(is_sent=True))


def send_again_when_anew(connection: Connection, topic: str, topic_id: str) -> int:
    """Remember the id of a topic; when it is another one than before, all its events wait again. Returns how many.

    They keep their ids, so a reader that knows them takes them for what it has.
    """
    key = f"topic:{topic}"
    before = connection.scalar(select(META.c.value).where(META.c.key == key))
    if before == topic_id:
        return 0
    connection.execute(delete(META).where(META.c.key == key))
    connection.execute(insert(META).values(key=key, value=topic_id))
    if before is None:
        return 0
    return connection.execute(update(OUTBOX).where(OUTBOX.c.topic == topic).values(is_sent=False)).rowcount


def set_up_numbering(connection: Connection, source: str, boot_epoch: int) -> None:
    """Fix the source and boot epoch of a new database; an old one keeps its own."""
    if connection.scalar(select(META.c.value).where(META.c.key == "source")) is None:
        connection.execute(insert(META).values(key="source", value=source))
        connection.execute(insert(META).values(key="boot_epoch", value=str(boot_epoch)))


def _number(connection: Connection, event: Numbered, role: str) -> tuple[Numbered, int]:
    """The event with its id and its number, and its position in the outbox."""
    facts = {str(row[0]): str(row[1]) for row in connection.execute(select(META.c.key, META.c.value))}
    position = int(connection.scalar(select(func.coalesce(func.max(OUTBOX.c.position), 0))) or 0) + 1
    source, boot_epoch = facts["source"], facts["boot_epoch"]
    event_id = named_id(event.event_time_us, f"{source} {boot_epoch} {role} {position}")
    return replace(event, event_id=event_id, source=source, boot_epoch=int(boot_epoch), seq=position - 1), position


def _put(connection: Connection, position: int, topic: str, key: str, event: Event) -> None:
    body = canonical_json(event.as_record())
    connection.execute(insert(OUTBOX).values(position=position, topic=topic, key=key, record_json=body, is_sent=False))
