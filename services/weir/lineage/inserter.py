"""One range into its table: whole where it can be, without its bad rows where it cannot, again until the store takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from weir.events import TOPICS, InvalidEvent, decode_body
from weir.lineage.adapters.store import RowsRefused, Store, StoreDown
from weir.lineage.core.container import container
from weir.lineage.core.intent import Range, token
from weir.lineage.core.message import Body
from weir.lineage.metrics import INSERT_FAILURES, INSERT_S, PAUSED, ROWS
from weir.runtime.consumer import BACKOFF_S
from weir.runtime.deadletter import DeadLetters, RawMessage
from weir.runtime.errors import Retryable
from weir.runtime.telemetry import logger

Rejected = list[tuple[int, InvalidEvent]]
"""Offsets of rows that can never be stored, each with the reason."""


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """The schema messages were written with."""

    event: str
    parsed: dict[str, Any]
    text: str
    """Its JSON, as a container's header carries it."""


class SchemaLookup(Protocol):
    """Schemas by id, as the registry knows them."""

    def schema_of(self, schema_id: int) -> WriterSchema:
        """The schema of an id. Raises InvalidEvent for an unknown id, Retryable when it cannot be asked."""


class Inserter:
    """Inserts ranges. Blocking; used by the sink's thread alone."""

    def __init__(self, store: Store, schemas: SchemaLookup) -> None:
        self._store = store
        self._schemas = schemas

    def insert(
        self, place: tuple[str, int], span: Range, bodies: Sequence[Body], wait: Callable[[float], bool]
    ) -> Rejected | None:
        """Store a range's bodies, trying until the store takes it. Returns what was rejected; None when it was given up.

        wait: waits that many seconds; False gives up.
        """
        attempt = 0
        while True:
            try:
                return self._once(place, span, bodies)
            except (StoreDown, Retryable) as error:
                INSERT_FAILURES.labels("transient").inc()
                PAUSED.set(1)
                logger().warning("store_waits", topic=place[0], attempt=attempt, error=str(error))
                if not wait(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]):
                    return None
                attempt += 1
            finally:
                PAUSED.set(0)

    async def until_taken(self, message: RawMessage, error: InvalidEvent, dead_letters: DeadLetters) -> None:
        """Write a dead letter, trying until the broker takes it; the range is not committed before."""
        while True:
            try:
                await dead_letters.put(message, error)
            except Retryable as down:
                logger().warning("dead_letter_waits", topic=message.topic, error=str(down))
            else:
                return

    def _once(self, place: tuple[str, int], span: Range, bodies: Sequence[Body]) -> Rejected:
        rejected: Rejected = []
        groups: dict[int, list[Body]] = {}
        for body in bodies:
            groups.setdefault(body.schema_id, []).append(body)
        for schema_id, group in groups.items():
            try:
                schema = self._schemas.schema_of(schema_id)
                expected = TOPICS[place[0]].event
                if schema.event != expected:
                    raise InvalidEvent("wrong_event", f"schema id {schema_id} is {schema.event}; expected {expected}")
            except InvalidEvent as error:
                rejected += [(body.offset, error) for body in group]
                continue
            rejected += self._group(place, span, schema_id, schema, group)
        return rejected

    def _group(
        self, place: tuple[str, int], span: Range, schema_id: int, schema: WriterSchema, group: Sequence[Body]
    ) -> Rejected:
        try:
            self._block(place, span, f"s{schema_id}", schema, group)
        except RowsRefused as error:
            INSERT_FAILURES.labels("permanent").inc()
            logger().warning("rows_refused", topic=place[0], first=span.first, last=span.last, error=str(error))
        else:
            return []
        good, rejected = _decodable(schema, group)
        return rejected + self._bisected(place, span, f"s{schema_id}-d", schema, good)

    def _bisected(
        self, place: tuple[str, int], span: Range, part: str, schema: WriterSchema, group: Sequence[Body]
    ) -> Rejected:
        """Rows that decode but that the store may refuse: halves until each bad one stands alone."""
        if not group:
            return []
        try:
            self._block(place, span, part, schema, group)
        except RowsRefused as error:
            if len(group) == 1:
                return [(group[0].offset, InvalidEvent("rejected_by_store", str(error)))]
            half = len(group) // 2
            low = self._bisected(place, span, f"{part}l", schema, group[:half])
            return low + self._bisected(place, span, f"{part}r", schema, group[half:])
        return []

    def _block(
        self, place: tuple[str, int], span: Range, part: str, schema: WriterSchema, group: Sequence[Body]
    ) -> None:
        block = container(schema.text, [body.data for body in group])
        with INSERT_S.time():
            self._store.insert_container(place[0].replace("-", "_"), block, token(*place, span, part))
        ROWS.labels(place[0]).inc(len(group))


def _decodable(schema: WriterSchema, group: Sequence[Body]) -> tuple[list[Body], Rejected]:
    good, rejected = [], []
    for body in group:
        try:
            decode_body(schema.event, body.data, schema.parsed)
        except InvalidEvent as error:
            rejected.append((body.offset, error))
        else:
            good.append(body)
    return good, rejected
