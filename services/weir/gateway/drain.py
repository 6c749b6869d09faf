"""The drain: its own process, from the spool to Kafka. `python -m weir.gateway.drain`.

Reads pieces of segments, makes events of the records, sends them with acks=all and only then acknowledges the piece;
after each it rests (`rest_s`), so that a backlog leaves the machine to live calls.
While Kafka or the registry is down the spool grows and nothing is lost. A piece that was sent but not acknowledged is
sent again after a restart with the same event ids. On the way it keeps the books of the numbers it sees (`accounting`),
which close the audit, and ends the calls that a dead gateway left open.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from prometheus_client import Counter, Gauge

from weir.events import NumbersAccounted
from weir.gateway.adapters.books_file import BooksFile
from weir.gateway.adapters.spool import Piece, SpoolReader
from weir.gateway.core.accounting import Account, Books, announced, closed, counted
from weir.gateway.core.completion import Addressed, events_of
from weir.gateway.core.record import Record, unpack
from weir.gateway.spool_page import routes
from weir.gateway.spool_settings import SpoolSettings
from weir.runtime import http
from weir.runtime.clock import cpu_s, monotonic_s, now_us
from weir.runtime.errors import Retryable
from weir.runtime.http_policy import policy_of
from weir.runtime.identity import new_id
from weir.runtime.link import Link, link_from
from weir.runtime.process import run, together
from weir.runtime.producer import wait_or_stop
from weir.runtime.telemetry import configure_logs, logger

IDLE_S = 0.02
"""Seconds between looks at an empty spool. Chosen: small against the 2 s within which a trace must be queryable."""

BACKOFF_S = 1.0
"""Seconds before a piece is sent again that the broker did not take. Chosen."""

REST_S_MAX = 1.0
"""Longest rest, seconds: a piece takes 0.1 s, so this bounds what a small share can do. Chosen."""

NICENESS = 10
"""Priority below the gateway's beside it: what is in the spool is safe, a live call waits. Chosen: a tenth of its weight."""

ANNOUNCE_EVERY_S = 2.0
"""Seconds between two accounts of accepted numbers, at most one event each. Chosen: the audit is as late as a trace."""

DRAINED = Counter("weir_gateway_drained_records_total", "Spool records whose events Kafka acknowledged.")
ABORTED = Counter("weir_gateway_aborted_calls_total", "Calls of a dead gateway that were ended as aborted.")
CORRUPT = Counter("weir_gateway_spool_corrupt_total", "Spool records moved to quarantine. Any rise: a bad disk.")
TORN_BYTES = Counter(
    "weir_gateway_spool_torn_bytes_total", "Bytes of cut writes at the end of a dead gateway's segment."
)
BACKLOG = Gauge("weir_gateway_spool_backlog_bytes", "Bytes accepted and not yet in Kafka. Rising: Kafka is down.")


def main() -> None:
    """Run the drain until it is told to stop."""
    settings = SpoolSettings()
    configure_logs("gateway-drain", settings.log_level)
    policy = policy_of(settings)
    link = link_from(settings, "gateway-drain")
    reader = SpoolReader(settings.spool_dir)
    os.nice(NICENESS)
    file = BooksFile(settings.spool_dir)
    drain = Drain(reader, file, link, text_chars_max=settings.text_chars_max, share=settings.drain_share)

    def missing() -> dict[str, str]:
        return {} if link.producer.is_ready else {"kafka": f"no broker at {settings.kafka_bootstrap}"}

    async def parts(stop: asyncio.Event) -> None:
        app = http.application(missing, policy, routes(reader, lambda: drain.books))
        await together(stop, http.serve(app, stop), drain.run(stop))

    run(parts)


class Drain:
    """Empties a spool into Kafka."""

    def __init__(self, reader: SpoolReader, file: BooksFile, link: Link, *, text_chars_max: int, share: float) -> None:
        """text_chars_max: characters kept of a text. share: of a core that it may use, above 0 and at most 1."""
        self._reader = reader
        self._file = file
        self._link = link
        self._text_chars_max = text_chars_max
        self._share = share
        self._announced_at_s = 0.0
        self.books = file.load()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        await self._link.producer.start(stop)
        while not stop.is_set():
            piece = self._reader.read()
            BACKLOG.set(self._reader.backlog_bytes())
            if piece is not None:
                before_s = cpu_s()
                await self._piece(piece, stop)
                await wait_or_stop(stop, rest_s(cpu_s() - before_s, self._share))
            await self._announce(stop)
            if piece is None:
                await wait_or_stop(stop, IDLE_S)
        await self._link.producer.stop()

    async def _piece(self, piece: Piece, stop: asyncio.Event) -> None:
        records = [unpack(payload) for payload in piece.payloads]
        books, accounts = counted(self.books, records, has_corrupt=bool(piece.corrupt))
        if await self._sent([*self._events(records), *self._accounts(accounts)], stop):
            await self._kept(books, stop, piece)

    async def _announce(self, stop: asyncio.Event) -> None:
        """Tell what was accepted since the last time, and end the calls of gateways that are gone."""
        if monotonic_s() - self._announced_at_s < ANNOUNCE_EVERY_S:
            return
        self._announced_at_s = monotonic_s()
        books, accounts = announced(self.books)
        books, aborted = closed(books, self._reader.oldest_boot_epoch() or 0)
        if (accounts or aborted) and await self._sent([*self._accounts(accounts), *self._events(aborted)], stop):
            ABORTED.inc(len(aborted))
            await self._kept(books, stop)

    async def _kept(self, books: Books, stop: asyncio.Event, piece: Piece | None = None) -> None:
        """Write the books, then that the piece is safe; a full disk is waited for, what was sent is not sent again."""
        self.books = books
        while not stop.is_set():
            try:
                self._file.save(books)
                if piece is not None:
                    _acknowledged(self._reader, piece)
            except OSError as error:
                logger().error("spool_disk_refused", error=str(error), hint="free some space")
                await wait_or_stop(stop, BACKOFF_S)
            else:
                return

    def _events(self, records: Sequence[Record]) -> list[Addressed]:
        return [event for record in records for event in events_of(record, text_chars_max=self._text_chars_max)]

    def _accounts(self, accounts: Sequence[Account]) -> list[Addressed]:
        return [("accounts", account.life[0], self._event(account)) for account in accounts]

    def _event(self, account: Account) -> NumbersAccounted:
        return NumbersAccounted(
            **self._link.numbering.head(new_id(), now_us()),
            numbered_source=account.life[0],
            numbered_boot_epoch=account.life[1],
            first_seq=account.first_seq,
            last_seq=account.last_seq,
            account=account.account,
            reason=account.reason,
        )

    async def _sent(self, events: list[Addressed], stop: asyncio.Event) -> bool:
        """Whether all events are acknowledged; tries until they are or `stop` is set."""
        while not stop.is_set():
            try:
                await self._link.producer.send_all(events)
            except Retryable as error:
                logger().warning("spool_waits", events=len(events), error=str(error))
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


def _acknowledged(reader: SpoolReader, piece: Piece) -> None:
    reader.acknowledge(piece)
    DRAINED.inc(len(piece.payloads))
    if piece.corrupt:
        CORRUPT.inc(len(piece.corrupt))
        logger().error("spool_corrupt", segment=piece.segment.name, records=len(piece.corrupt))
    if piece.torn_bytes:
        TORN_BYTES.inc(piece.torn_bytes)
        logger().warning("spool_torn", segment=piece.segment.name, torn_bytes=piece.torn_bytes)


if __name__ == "__main__":
    main()
