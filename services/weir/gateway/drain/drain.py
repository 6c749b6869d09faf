"""The gateway's drain: its own process, from the gateway's spool to Kafka. `python -m weir.gateway.drain`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from weir.capture.accounting import Unended
from weir.capture.drain import Work
from weir.capture.drain_process import empty_spool
from weir.capture.frames import HEAD
from weir.capture.reading import Read
from weir.capture.segment import GATEWAY_SPOOL
from weir.gateway.core.aborted import aborted
from weir.gateway.core.call import Call
from weir.gateway.core.reading import read, read_record
from weir.gateway.core.record import call_from, pack
from weir.gateway.settings import SpoolSettings

GROUP = "gateway-drain"
"""The drain among the consumers."""


async def main(stop: asyncio.Event) -> None:
    """Run the drain until `stop` is set."""
    settings = SpoolSettings()
    await empty_spool(stop, settings, work_of(settings), opened_from)


def work_of(settings: SpoolSettings) -> Work:
    """What the gateway's drain does."""
    return Work(GROUP, GATEWAY_SPOOL, Records(settings), settings.drain_share, settings.reject_limits)


def opened_from(facts: dict[str, Any]) -> Call:
    """An open call of the ledger, from its JSON."""
    call = call_from(facts)
    assert call is not None, "a call in the ledger has facts"
    return call


class Records:
    """Implements `capture.reading.Reader` for the records of calls."""

    def __init__(self, settings: SpoolSettings) -> None:
        self._limits = {
            "text_chars_max": settings.text_chars_max,
            "message_bytes_max": settings.message_bytes_max,
        }

    def read(self, payloads: Sequence[bytes]) -> list[Read]:
        """The events of some payloads."""
        return read(payloads, **self._limits)

    def end(self, unended: Unended) -> Read:
        """The end of a call whose gateway died, as aborted."""
        record = aborted(unended)
        return read_record(pack(record)[HEAD.size :], record, **self._limits)
