"""The drain: its own process, from the spool to Kafka. `python -m weir.gateway.drain`.

Reads pieces of segments, makes events of the records, sends them with acks=all and only then acknowledges the piece.
While Kafka or the registry is down the spool grows and nothing is lost. A piece that was sent but not acknowledged is
sent again after a restart with the same event ids.
"""

from __future__ import annotations

import asyncio

from prometheus_client import Counter, Gauge

from weir.gateway.adapters.spool import Piece, SpoolReader
from weir.gateway.core.completion import Addressed, events_of
from weir.gateway.core.record import unpack
from weir.gateway.spool_settings import SpoolSettings
from weir.runtime import http
from weir.runtime.errors import Retryable
from weir.runtime.link import Link, link_from
from weir.runtime.process import run, together
from weir.runtime.producer import wait_or_stop
from weir.runtime.telemetry import configure_logs, logger

IDLE_S = 0.02
"""Seconds between looks at an empty spool. Chosen: small against the 2 s within which a trace must be queryable."""

BACKOFF_S = 1.0
"""Seconds before a piece is sent again that the broker did not take. Chosen."""

DRAINED = Counter("weir_gateway_drained_records_total", "Spool records whose events Kafka acknowledged.")
CORRUPT = Counter("weir_gateway_spool_corrupt_total", "Spool records moved to quarantine. Any rise: a bad disk.")
TORN_BYTES = Counter(
    "weir_gateway_spool_torn_bytes_total", "Bytes of cut writes at the end of a dead gateway's segment."
)
BACKLOG = Gauge("weir_gateway_spool_backlog_bytes", "Bytes accepted and not yet in Kafka. Rising: Kafka is down.")


def main() -> None:
    """Run the drain until it is told to stop."""
    settings = SpoolSettings()
    configure_logs("gateway-drain", settings.log_level)
    link = link_from(settings, "gateway-drain")
    reader = SpoolReader(settings.spool_dir)

    def missing() -> dict[str, str]:
        return {} if link.producer.is_ready else {"kafka": f"no broker at {settings.kafka_bootstrap}"}

    async def parts(stop: asyncio.Event) -> None:
        page = http.serve(http.application(missing), settings.http_host, settings.http_port, stop)
        await together(stop, page, drain(reader, link, stop, text_chars_max=settings.text_chars_max))

    run(parts)


async def drain(reader: SpoolReader, link: Link, stop: asyncio.Event, *, text_chars_max: int) -> None:
    """Empty the spool into Kafka until `stop` is set."""
    await link.producer.start(stop)
    while not stop.is_set():
        piece = reader.read()
        BACKLOG.set(reader.backlog_bytes())
        if piece is None:
            await wait_or_stop(stop, IDLE_S)
        elif await _sent(
            link,
            [
                event
                for payload in piece.payloads
                for event in events_of(unpack(payload), text_chars_max=text_chars_max)
            ],
            stop,
        ):
            _acknowledged(reader, piece)
    await link.producer.stop()


async def _sent(link: Link, events: list[Addressed], stop: asyncio.Event) -> bool:
    """Whether all events are acknowledged; tries until they are or `stop` is set."""
    while not stop.is_set():
        try:
            await link.producer.send_all(events)
        except Retryable as error:
            logger().warning("spool_waits", events=len(events), error=str(error))
            await wait_or_stop(stop, BACKOFF_S)
        else:
            return True
    return False


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
