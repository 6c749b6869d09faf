"""The drain: its own process, from the spool of a service to Kafka.

Reads pieces of segments, makes events of the records, sends them with acks=all and only then acknowledges the piece;
after each it rests (`rest_s`), so that a backlog leaves the machine to live calls.
While Kafka or the registry is down the spool grows and nothing is lost. A piece that was sent but not acknowledged is
sent again after a restart with the same event ids. On the way it keeps the ledger of the numbers it sees (`accounting`),
which close the audit, and ends the calls that a dead gateway left open.

Invariant: every record of the spool ends as events or as one dead letter, and the drain goes on; only when nearly all are
bad it stops, not ready, with the spool as it was (`runtime.rejects`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from weir.capture.accounting import Account, Ledger, counted
from weir.capture.announcement import Announcement, announcement
from weir.capture.dead_records import BACKOFF_S, DeadRecords, accounts_of_dead
from weir.capture.drain_metrics import ABORTED, BACKLOG, BARE, LEDGER_REFUSED, QUARANTINE, count_piece
from weir.capture.heads import forget_heads, heads_in
from weir.capture.ledger_file import LedgerFile
from weir.capture.reading import Read, Reader
from weir.capture.spool_reader import Piece, SpoolReader
from weir.events import NumbersAccounted, encode_body
from weir.events.log import Headers, ProducerEpoch
from weir.runtime.clock import cpu_s, monotonic_s, now_us
from weir.runtime.errors import Retryable, TooManyRejects
from weir.runtime.halt import clear_halt, record_halt
from weir.runtime.identity import new_id
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.message_trace import kafka_headers
from weir.runtime.kafka.producer import Framed
from weir.runtime.rejects import Limits
from weir.runtime.telemetry import otlp
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import wait_or_stop

FEW_RECORDS = 64
"""Records below which a piece is small. Two files are written for each piece, about 0.7 ms of CPU time; shared by so many records
that is little. Measured: a call at a time cost the drain 1.2 ms of CPU time each, and 0.9 ms with the wait after small pieces."""

IDLE_S = 0.02
"""Seconds between looks at an empty spool, and before the next look after a small piece, so that the next one holds more.
Chosen: small against the 2 s within which a trace must be queryable."""

REST_S_MAX = 1.0
"""Longest rest, seconds: a piece takes 0.1 s, so this bounds what a small share can do. Arbitrary; any value
from 0.5 to 5 would do: it bites at shares below a tenth alone."""

ANNOUNCE_EVERY_S = 2.0
"""Seconds between two accounts of accepted numbers, at most one event each. Chosen: the audit is as late as a trace."""

Encoded = tuple[str, str, bytes, Headers]
"""Topic, key, Avro body, headers."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one drain does."""

    group: str
    """The drain among the consumers: in dead letters, their metrics and the readiness page; for example gateway-drain."""
    spool: str
    """What its dead letters name as their topic: it is none of Kafka's. Their offset is `Segment.offset_of`."""
    records: Reader
    """Makes events of what its service recorded."""
    share: float
    """Part of the time that it uses a core, above 0, at most 1."""
    reject_limits: Limits
    """What stops it."""


class Drain:
    """Empties a spool into Kafka."""

    def __init__(self, reader: SpoolReader, file: LedgerFile, link: Link, work: Work) -> None:
        self._reader = reader
        self._file = file
        self._link = link
        self._work = work
        self._dead = DeadRecords(link.dead_letters(work.group, work.reject_limits), work.spool)
        self._announced_at_s = 0.0
        self._is_saved = True
        self.ledger = file.load()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; when nearly all records are bad, wait for it."""
        await self._link.producer.start(stop)
        try:
            while not stop.is_set():
                await self.step(stop)
        except TooManyRejects as error:
            record_halt(self._work.group, error)
            await stop.wait()
            clear_halt(self._work.group)
        await self._link.producer.stop()

    async def step(self, stop: asyncio.Event) -> bool:
        """One piece, if there is one, and what is to be announced. False when there was none. Raises TooManyRejects."""
        piece = self._reader.read()
        if (backlog := self._reader.backlog_bytes()) is not None:
            BACKLOG.set(backlog)
        if piece is not None:
            before_s = cpu_s()
            await self._piece(piece, stop)
            gathering_s = IDLE_S if len(piece.payloads) < FEW_RECORDS else 0.0
            await wait_or_stop(stop, max(gathering_s, rest_s(cpu_s() - before_s, self._work.share)))
        await self._announce(stop)
        if piece is None:
            await wait_or_stop(stop, IDLE_S)
        return piece is not None

    async def _piece(self, piece: Piece, stop: asyncio.Event) -> None:
        found = self._work.records.read(piece.payloads)
        has_corrupt = bool(piece.corrupt) or any(one.record is None for one in found)
        records = [one.counted for one in found if one.counted is not None]
        BARE.inc(sum(one.is_bare for one in found))
        ledger, accounts = counted(self.ledger, records, has_corrupt=has_corrupt)
        if not await self._dead.put(piece, found, stop):
            return
        if await self._send([*_messages(found), *self._accounts([*accounts, *accounts_of_dead(found)])], stop):
            _export(found)
            await self._keep(ledger, stop, piece)

    async def _announce(self, stop: asyncio.Event) -> None:
        """Tell what was accepted since the last time, and end the calls of services that are gone."""
        if monotonic_s() - self._announced_at_s < ANNOUNCE_EVERY_S:
            return
        self._announced_at_s = monotonic_s()
        QUARANTINE.set(self._reader.quarantined_bytes())
        if not self._is_saved:
            self._save(self.ledger)
        if (seen := self._seen()) is None:
            return
        heads, epochs = seen
        end_of = self._work.records.end
        await self._tell(announcement(self.ledger, heads, epochs, end_of, is_read=self._reader.is_emptied), stop)
        if epochs:
            self._forget(epochs)

    def _seen(self) -> tuple[Mapping[ProducerEpoch, int], list[int]] | None:
        """Counts of numbers and boot epochs with segments; None where the disk does not say: the next look tells."""
        try:
            # before the look at the segments: a head counts a number once its record is there
            return heads_in(self._reader.folder, disk=self._reader.disk), self._reader.boot_epochs()
        except OSError as error:  # which epochs are over is known to nobody
            logger().warning("spool_not_listed", error=str(error))
            return None

    async def _tell(self, due: Announcement, stop: asyncio.Event) -> None:
        if due.is_empty or not await self._send([*_messages(due.ends), *self._accounts(due.accounts)], stop):
            return
        _export(due.ends)
        ABORTED.inc(len(due.ends))
        for end in due.ends:
            if end.error is not None:
                logger().error("aborted_call_gives_no_event", error=str(end.error))
        await self._keep(due.ledger, stop)

    def _forget(self, epochs: Sequence[int]) -> None:
        try:
            forget_heads(self._reader.folder, self.ledger, set(epochs), disk=self._reader.disk)
        except OSError as error:
            logger().warning("head_not_removed", error=str(error))

    async def _keep(self, ledger: Ledger, stop: asyncio.Event, piece: Piece | None = None) -> None:
        """Write the ledger, then that the piece is safe.

        A disk that refuses the ledger stops nobody: a finished segment is deleted, which needs no room and makes some, and
        the ledger is saved as soon as it can be. Until then a segment that is not finished keeps its mark, so that after
        a death the ledger counts its records again.
        """
        self.ledger = ledger
        self._save(ledger)
        if piece is None:
            return
        try:
            self._reader.acknowledge(piece, is_noted=self._is_saved)
        except OSError as error:
            logger().error("spool_disk_refused", error=str(error), hint="free some space")
            await wait_or_stop(stop, BACKOFF_S)
        count_piece(piece)
        if not self._is_saved:
            self._save(ledger)

    def _save(self, ledger: Ledger) -> None:
        try:
            self._file.save(ledger)
        except OSError as error:
            self._is_saved = False
            LEDGER_REFUSED.inc()
            logger().error("spool_disk_refused", error=str(error), hint="free some space")
        else:
            self._is_saved = True

    def _accounts(self, accounts: Sequence[Account]) -> list[Encoded]:
        return [("accounts", account.epoch.source, encode_body(self._event(account)), ()) for account in accounts]

    def _event(self, account: Account) -> NumbersAccounted:
        event = NumbersAccounted(
            event_id=new_id(),
            tenant="",
            event_time_us=now_us(),
            numbered_source=account.epoch.source,
            numbered_boot_epoch=account.epoch.boot_epoch,
            first_seq=account.first_seq,
            last_seq=account.last_seq,
            account=account.account,
            reason=account.reason,
        )
        return self._link.numbering.number(event)

    async def _send(self, bodies: Sequence[Encoded], stop: asyncio.Event) -> bool:
        """Whether all events are acknowledged; tries until they are or `stop` is set."""
        while not stop.is_set():
            try:
                serde = self._link.serde
                heads = {topic: await serde.head(topic) for topic in {topic for topic, _, _, _ in bodies}}
                framed = [
                    Framed(topic, key.encode(), heads[topic] + body, headers) for topic, key, body, headers in bodies
                ]
                await self._link.producer.send_bytes(framed)
            except Retryable as error:
                logger().warning("spool_waits", events=len(bodies), error=str(error))
                await wait_or_stop(stop, BACKOFF_S)
            else:
                return True
        return False


def rest_s(worked_s: float, share: float) -> float:
    """Seconds to rest after `worked_s` of CPU time, so that work is at most `share` (above 0, at most 1) of the time.

    CPU time, because waiting for the broker takes nothing from live calls: with the wall clock a spool of small segments
    drained more slowly than it filled (found by the fault broker-gone).
    """
    return min(REST_S_MAX, worked_s * (1.0 / share - 1.0))


def _export(found: Iterable[Read]) -> None:
    """Hand the spans of calls that are in Kafka to the collector, where one is named."""
    for one in found:
        if one.spans is not None and one.trace is not None:
            otlp.export(one.spans.spans, one.trace)


def _messages(found: Iterable[Read]) -> list[Encoded]:
    return [(*message, headers) for one in found for headers in [kafka_headers(one.trace)] for message in one.messages]
