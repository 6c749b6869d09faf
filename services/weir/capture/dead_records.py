"""Records that give no events: each is one dead letter, and its numbers are accounted for as dead."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from weir.capture.accounting import Account
from weir.capture.reading import Read
from weir.capture.spool_reader import Piece
from weir.events import InvalidEvent
from weir.events.log import ProducerEpoch, RawMessage, TopicPartition
from weir.events.ranges import TIME_END_US
from weir.runtime.errors import Retryable
from weir.runtime.kafka.deadletter import DeadLetters
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import wait_or_stop

BACKOFF_S = 1.0
"""Seconds before what the broker did not take is sent again. Arbitrary; any value from 0.2 to 5 would do: it waits in the
spool, and a broker that is restarted is away for seconds."""


class DeadRecords:
    """Writes the dead letters of one spool. spool: what they name as their topic."""

    def __init__(self, dead_letters: DeadLetters, spool: str) -> None:
        self._dead_letters = dead_letters
        self._spool = TopicPartition(spool, 0)

    async def put(self, piece: Piece, found: Sequence[Read], stop: asyncio.Event) -> bool:
        """Write a dead letter for each record that gives no events. Whether all are written. Raises TooManyRejects."""
        good = 0
        for one, offset in zip(found, piece.offsets, strict=True):
            if one.error is None:
                good += 1
                continue
            self._note(good)
            good = 0
            message = RawMessage(*self._spool, offset, None, one.payload, min(piece.boot_epoch, TIME_END_US))
            if not await self._put(message, one.error, stop):
                return False
        self._note(good)
        return True

    def _note(self, good: int) -> None:
        if good:
            self._dead_letters.note_good(self._spool, good)

    async def _put(self, message: RawMessage, error: InvalidEvent, stop: asyncio.Event) -> bool:
        while not stop.is_set():
            try:
                await self._dead_letters.put(message, error)
            except Retryable as refused:
                logger().warning("spool_waits", events=1, error=str(refused))
                await wait_or_stop(stop, BACKOFF_S)
            else:
                return True
        return False


def accounts_of_dead(found: Iterable[Read]) -> list[Account]:
    """Accounts of the numbers whose events are in dead letters; those of a payload that is no record nobody knows."""
    return [
        Account(
            ProducerEpoch(record.source, record.boot_epoch),
            record.seq,
            record.seq + taken - 1,
            "dead",
            one.error.reason,
        )
        for one in found
        if one.error is not None and (record := one.record) is not None and (taken := record.numbers_taken)
    ]
