"""`python -m weir.otlp.drain`: empties the receiver's spool into Kafka."""

from __future__ import annotations

import asyncio
from typing import Any

from weir.capture.accounting import Opened
from weir.capture.drain import Work
from weir.capture.drain_process import empty_spool
from weir.capture.segment import OTLP_SPOOL
from weir.otlp.core.recording import Records
from weir.otlp.settings import SpoolSettings
from weir.runtime.process import run

GROUP = "otlp-drain"
"""The drain among the consumers."""


async def main(stop: asyncio.Event) -> None:
    """Run the drain until `stop` is set."""
    settings = SpoolSettings()
    await empty_spool(stop, settings, work_of(settings), opened_from)


def work_of(settings: SpoolSettings) -> Work:
    """What the receiver's drain does."""
    return Work(GROUP, OTLP_SPOOL, Records(), settings.drain_share, settings.reject_limits)


def opened_from(_: dict[str, Any]) -> Opened:
    """Refuses: nothing is open in a spool of spans. The ledger's file is then set aside, and says so."""
    raise ValueError("a ledger of spans holds an open call")


if __name__ == "__main__":
    run(main)
