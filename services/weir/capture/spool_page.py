"""The spool as a page: GET /v1/spool, for the audit and for people."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from weir.capture.accounting import Ledger
from weir.capture.spool_reader import SpoolReader


def routes(reader: SpoolReader, ledger: Callable[[], Ledger]) -> list[Route]:
    """The page's route. ledger: the drain's ledger at this moment."""

    async def spool(_: Request) -> Response:
        """How much waits for Kafka, null when the disk does not say, and what was read of each producer epoch."""
        lives = [
            {
                "source": source,
                "boot_epoch": boot_epoch,
                "drained": epoch.next_seq,
                "announced": epoch.announced_seq,
                "calls_open": len(epoch.open),
            }
            for (source, boot_epoch), epoch in ledger().items()
        ]
        return JSONResponse({"backlog_bytes": reader.backlog_bytes(), "lives": lives})

    return [Route("/v1/spool", spool)]
