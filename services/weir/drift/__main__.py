"""`python -m weir.drift`: watches `text-features` and `evaluation-scores` and signals changes."""

from __future__ import annotations

import asyncio
import os

from weir.drift.adapters.announcer import KafkaAnnouncer
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.adapters.signal_traces import SignalTraces
from weir.drift.api.body import DATASET_BYTES_MAX
from weir.drift.api.quality import quality_routes
from weir.drift.api.routes import routes
from weir.drift.app import GROUP, IN_TOPIC, Drift, Limits
from weir.drift.quality.adapters.store import SqliteQualityStore
from weir.drift.quality.app import SCORES_TOPIC, Quality
from weir.drift.quality.settings import QualityServiceSettings
from weir.drift.settings import DriftSettings
from weir.runtime.http.policy import policy_of
from weir.runtime.http.server import application, serve
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.link import Link, link_from
from weir.runtime.kafka.span_log import SpanLog, with_spans
from weir.runtime.kafka.stream import MessageHandler, Stream
from weir.runtime.process import begin, run, together
from weir.runtime.telemetry.logs import logger

SERVICE = "drift"


async def main(stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    settings = DriftSettings()
    begin(SERVICE, settings)
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        logger().warning("blas_threads", hint="start with OPENBLAS_NUM_THREADS=1: faster, and replays repeat every bit")
    policy = policy_of(settings, DATASET_BYTES_MAX)
    link = link_from(settings, SERVICE)
    checkpoints = FileCheckpoints(settings.checkpoint_dir)
    limits = Limits(settings.streams_max, settings.seen_events)
    spans = SpanLog(link, settings.spans_waiting_max)
    traces = SignalTraces(spans.record, GROUP, settings.traces_remembered_max)
    announcer = KafkaAnnouncer(link, GROUP, traces, stop)
    drift = Drift(checkpoints, announcer, settings.bank(), limits, settings.explaining())
    quality_settings = QualityServiceSettings()
    store = SqliteQualityStore(quality_settings.quality_file)
    quality = Quality(store, announcer, quality_settings.quality(), quality_settings.streams_max)
    stream = Stream(
        bootstrap=settings.kafka_bootstrap,
        group=GROUP,
        instance=settings.instance,
        data_dir=settings.data_dir / SERVICE / "faust",
        serde=link.serde,
        dead_letters=link.dead_letters(GROUP, settings.reject_limits),
        handlers={
            IN_TOPIC: traces.around(in_turn(drift.handle, quality.handle)),
            SCORES_TOPIC: traces.around(quality.handle),
        },
        save=quality.save,
    )

    def missing() -> dict[str, str]:
        return {} if stream.is_ready else {"kafka": f"no broker at {settings.kafka_bootstrap}, or no group yet"}

    pages = [
        *routes(drift, settings.streams_max, settings.skew_items_max),
        *quality_routes(quality, drift, quality_settings),
    ]
    page = serve(application(missing, policy, pages), stop)
    await together(stop, page, with_spans(link, spans, streaming(link, stream, stop), stop))
    checkpoints.close()
    store.close()


def in_turn(first: MessageHandler, second: MessageHandler) -> MessageHandler:
    """Both handlers, one after the other; each skips a message that it has counted, so a repeat is harmless."""

    async def handle(received: Received) -> None:
        await first(received)
        await second(received)

    return handle


async def streaming(link: Link, stream: Stream, stop: asyncio.Event) -> None:
    """Connect, then consume until `stop` is set."""
    await link.producer.start(stop)
    await stream.run(stop)


if __name__ == "__main__":
    run(main)
