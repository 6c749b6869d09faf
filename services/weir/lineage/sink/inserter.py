"""Ranges of one topic into its table: whole where they can be, without their bad rows where they cannot, again until the store
takes them.

The invariant: every message of a range ends as a row, as one dead letter, or has grown too old in the log to be kept. The
tables refuse what they cannot keep: times, numbers that are none, sizes, ids, expired rows (migrations 0008, 0011 and 0018,
`lineage.store.retention`). A body that alone exceeds the memory of an insert is refused as well. Only then are bodies
decoded, to separate the bad ones from the good.
"""

from __future__ import annotations

import concurrent.futures as futures
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from weir.events import TOPICS, InvalidEvent, check_body
from weir.events.log import RawMessage
from weir.lineage.core.retention import DAY_S, expired_since_s
from weir.lineage.sink.core.container import MARK, container, marked
from weir.lineage.sink.core.intent import Ranges, token
from weir.lineage.sink.core.message import Body
from weir.lineage.store.metrics import EXPIRED, INSERT_FAILURES, INSERT_S, PAUSED, ROWS
from weir.lineage.store.store import BlockTooLarge, RowsRefused, Store, StoreDown
from weir.runtime.clock import now_us
from weir.runtime.errors import Retryable
from weir.runtime.kafka.retries import backoff_s
from weir.runtime.telemetry.logs import logger

ANSWER_S = 0.5
"""Seconds in which a dead letter is usually written; only one that takes longer costs a wait with heartbeats. The broker
answers within milliseconds, and a session lasts twenty times as long."""

Wait = Callable[[float], bool]
"""Waits that many seconds and keeps the membership; False at once when the sink is to stop."""

Rejected = list[tuple[Body, InvalidEvent]]
"""Bodies that can never be rows, each with the reason."""


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

    def __init__(self, store: Store, schemas: SchemaLookup, kept_days: Mapping[str, int] | None = None) -> None:
        """kept_days: how long the tables keep their rows, by table; for ever where none is named."""
        self._store = store
        self._schemas = schemas
        self._kept_days = kept_days or {}
        self.waits_for = ""
        """The last error of what is tried again now; empty while nothing is."""

    def insert(self, ranges: Ranges, bodies: Sequence[Body], wait: Wait) -> Rejected | None:
        """Store the bodies of ranges that go together, trying until the store takes them. Returns what was rejected; None when
        it was given up."""
        attempt = 0
        while True:
            try:
                rejected = self._once(ranges, bodies)
            except (StoreDown, Retryable) as error:
                INSERT_FAILURES.labels("transient").inc()
                PAUSED.set(1)
                self.waits_for = str(error)
                logger().warning("store_waits", topic=ranges[0].topic, attempt=attempt, error=str(error))
                if not wait(backoff_s(attempt)):
                    return None
                attempt += 1
            else:
                self.waits_for = ""
                return rejected
            finally:
                PAUSED.set(0)

    def dead_letter(self, message: RawMessage, put: Callable[[], Future[None]], wait: Wait) -> bool:
        """Write a dead letter, trying until the broker takes it; the range is not committed before. False when given up.

        put: begins to write it, on another thread. The waiting is done here, on the sink's own, so that whoever connects
        the producer is never kept from it. Raises what `put` raises but Retryable.
        """
        attempt = 0
        while True:
            try:
                is_put = _await_end(put(), wait)
            except Retryable as error:
                self.waits_for = f"the dead letter of {message.topic_partition}/{message.offset}: {error}"
                logger().warning("dead_letter_waits", topic=message.topic, attempt=attempt, error=str(error))
                if not wait(backoff_s(attempt)):
                    return False
                attempt += 1
            else:
                self.waits_for = ""
                return is_put

    def _once(self, ranges: Ranges, bodies: Sequence[Body]) -> Rejected:
        rejected: Rejected = []
        groups: dict[int, list[Body]] = {}
        for body in bodies:
            groups.setdefault(body.schema_id, []).append(body)
        for schema_id, group in groups.items():
            try:
                schema = self._schemas.schema_of(schema_id)
                expected = TOPICS[ranges[0].topic].event
                if schema.event != expected:
                    raise InvalidEvent("wrong_event", f"schema id {schema_id} is {schema.event}; expected {expected}")
            except InvalidEvent as error:
                rejected += [(body, error) for body in group]
                continue
            rejected += self._group(ranges, schema_id, schema, group)
        return rejected

    def _group(self, ranges: Ranges, schema_id: int, schema: WriterSchema, group: Sequence[Body]) -> Rejected:
        try:
            self._block(ranges, f"s{schema_id}", schema, group)
        except RowsRefused as error:
            INSERT_FAILURES.labels("permanent").inc()
            logger().warning("rows_refused", ranges=token(ranges, f"s{schema_id}"), error=str(error))
        else:
            return []
        good, rejected = self._storable(ranges[0].topic, schema, group)
        return rejected + self._bisect(ranges, f"s{schema_id}-d", schema, good)

    def _bisect(self, ranges: Ranges, part: str, schema: WriterSchema, group: Sequence[Body]) -> Rejected:
        """Rows that decode but that the store may refuse, one by one or all together: halves until it takes them or each
        bad one stands alone.
        """
        if not group:
            return []
        try:
            self._block(ranges, part, schema, group)
        except RowsRefused as error:
            if len(group) == 1:
                return [(group[0], InvalidEvent("rejected_by_store", str(error)))]
            half = len(group) // 2
            low = self._bisect(ranges, f"{part}l", schema, group[:half])
            return low + self._bisect(ranges, f"{part}r", schema, group[half:])
        return []

    def _block(self, ranges: Ranges, part: str, schema: WriterSchema, group: Sequence[Body]) -> None:
        """Insert a group in one block, or in halves where the memory of one insert does not reach: time would not mend that.

        Raises RowsRefused for one body that alone needs more: no wait makes it smaller.
        """
        try:
            self._whole(ranges, part, schema, group)
        except BlockTooLarge as error:
            if len(group) == 1:
                raise RowsRefused(
                    f"one event of {len(group[0].data)} bytes is too large for an insert: {error}"
                ) from error
            half = len(group) // 2
            self._block(ranges, f"{part}a", schema, group[:half])
            self._block(ranges, f"{part}b", schema, group[half:])

    def _whole(self, ranges: Ranges, part: str, schema: WriterSchema, group: Sequence[Body]) -> None:
        block = container(marked(schema.text), [body.data + MARK for body in group])
        with INSERT_S.time():
            self._store.insert_container(_table(ranges[0].topic), block, token(ranges, part))
        ROWS.labels(ranges[0].topic).inc(len(group))

    def _storable(self, topic: str, schema: WriterSchema, group: Sequence[Body]) -> tuple[list[Body], Rejected]:
        """The bodies that the table can hold, and why others are not; those that grew old in the log are in neither."""
        days, at_us = self._kept_days.get(_table(topic)), now_us()
        good: list[Body] = []
        rejected: Rejected = []
        for body in group:
            try:
                time_us = check_body(schema.event, body.data, schema.parsed)
            except InvalidEvent as error:
                rejected.append((body, error))
                continue
            if expired_since_s(time_us, at_us, days) <= 0:
                good.append(body)
            elif days is not None and expired_since_s(time_us, body.written_us, days) > 0:
                rejected.append((body, _expired(time_us, at_us, days)))
            else:
                EXPIRED.labels(topic).inc()
        return good, rejected


def _await_end(writing: Future[None], wait: Wait) -> bool:
    """Wait for the end of a write, whatever it raises. False when it was given up because of a stop."""
    try:
        while not futures.wait([writing], ANSWER_S).done:
            if not wait(ANSWER_S):
                return False
    finally:
        writing.cancel()  # nothing where it ended; else the next try must not meet it
    writing.result()
    return True


def _expired(time_us: int, at_us: int, days: int) -> InvalidEvent:
    age_days = (at_us - time_us) / 1e6 / DAY_S
    detail = (
        f"event_time_us is {time_us}, {age_days:.1f} days ago; rows of this topic are kept {days} days:"
        " it was too old when it was written"
    )
    return InvalidEvent("rejected_by_store", detail, is_suspect=False)


def _table(topic: str) -> str:
    return topic.replace("-", "_")
