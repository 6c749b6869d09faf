"""Metrics of a drain: what it sent, what it could not read, and how much waits."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from weir.capture.spool_reader import Piece
from weir.runtime.telemetry.logs import logger

DRAINED = Counter("weir_gateway_drained_records_total", "Spool records whose events Kafka acknowledged.")
ABORTED = Counter("weir_gateway_aborted_calls_total", "Calls of a dead gateway that were ended as aborted.")
BARE = Counter(
    "weir_gateway_bare_records_total", "Records whose messages could be no event's texts; their events are without."
)
CORRUPT = Counter(
    "weir_gateway_spool_corrupt_total", "Stretches of the spool that could not be read. Any rise: a bad disk."
)
TORN_BYTES = Counter(
    "weir_gateway_spool_torn_bytes_total", "Bytes of cut writes at the end of a dead service's segment."
)
LEDGER_REFUSED = Counter(
    "weir_gateway_books_refused_total",
    "Times that the disk did not take the drain's ledger. Any rise: a full or bad disk.",
)
QUARANTINE = Gauge(
    "weir_gateway_quarantine_bytes",
    "Bytes of the spool that could not be read and are kept. Near its limit: a bad disk.",
)
BACKLOG = Gauge("weir_gateway_spool_backlog_bytes", "Bytes accepted and not yet in Kafka. Rising: Kafka is down.")


def count_piece(piece: Piece) -> None:
    """A piece is in Kafka: its records, and what of it could not be read."""
    DRAINED.inc(len(piece.payloads))
    if piece.corrupt:
        CORRUPT.inc(len(piece.corrupt))
        logger().error("spool_corrupt", segment=piece.segment.name, records=len(piece.corrupt))
    if piece.torn_bytes:
        TORN_BYTES.inc(piece.torn_bytes)
        logger().warning("spool_torn", segment=piece.segment.name, torn_bytes=piece.torn_bytes)
