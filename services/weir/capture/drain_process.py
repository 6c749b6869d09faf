"""The process of a drain: the spool's owner, its health page, and the drain itself."""

from __future__ import annotations

import asyncio
import os

from weir.capture.drain import Drain, Work
from weir.capture.ledger_file import LedgerFile, OpenedFrom
from weir.capture.settings import CaptureSettings
from weir.capture.spool_page import routes
from weir.capture.spool_reader import SpoolReader
from weir.runtime.files.one_owner import OneOwner
from weir.runtime.http.policy import policy_of
from weir.runtime.http.server import application, serve
from weir.runtime.kafka.link import link_from
from weir.runtime.process import begin, together

NICENESS = 10
"""Priority below that of the service beside it: what is in the spool is safe, a call waits. Chosen: a tenth of its weight."""


async def empty_spool(stop: asyncio.Event, settings: CaptureSettings, work: Work, opened_from: OpenedFrom) -> None:
    """Run a drain until `stop` is set. opened_from: reads back the open calls of its ledger."""
    begin(work.group, settings)
    os.nice(NICENESS)
    # Before the ledger is read: two drains of one spool would each send every event and overwrite the other's ledger.
    owner = OneOwner(settings.spool_dir / "drain.lock", f"another drain empties {settings.spool_dir} already")
    link = link_from(settings, work.group)
    reader = SpoolReader(settings.spool_dir, quarantine_bytes_max=settings.quarantine_bytes_max)
    drain = Drain(reader, LedgerFile(settings.spool_dir, opened_from), link, work)

    def missing() -> dict[str, str]:
        return {} if link.producer.is_ready else {"kafka": f"no broker at {settings.kafka_bootstrap}"}

    app = application(missing, policy_of(settings), routes(reader, lambda: drain.ledger))
    await together(stop, serve(app, stop), drain.run(stop))
    owner.close()
