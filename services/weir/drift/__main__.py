"""`python -m weir.drift`: watches the streams of `text-features` and signals changes."""

from __future__ import annotations

import asyncio
import os

from weir.drift.adapters.announcer import KafkaAnnouncer
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.api import routes
from weir.drift.app import GROUP, IN_TOPIC, Drift, Limits
from weir.drift.settings import DriftSettings
from weir.runtime.http import application, serve
from weir.runtime.link import Link, link_from
from weir.runtime.process import run, together
from weir.runtime.stream import Stream
from weir.runtime.telemetry import configure_logs, logger

SERVICE = "drift"


async def main(stop: asyncio.Event) -> None:
    """Run until `stop` is set."""
    settings = DriftSettings()
    configure_logs(SERVICE, settings.log_level)
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        logger().warning("blas_threads", hint="start with OPENBLAS_NUM_THREADS=1: faster, and replays repeat every bit")
    link = link_from(settings, SERVICE)
    checkpoints = FileCheckpoints(settings.checkpoint_dir)
    limits = Limits(settings.streams_max, settings.seen_events)
    drift = Drift(checkpoints, KafkaAnnouncer(link, GROUP, stop), settings.bank(), limits, settings.insight())
    stream = Stream(
        bootstrap=settings.kafka_bootstrap,
        group=GROUP,
        instance=settings.instance,
        data_dir=settings.data_dir / SERVICE / "faust",
        serde=link.serde,
        dead_letters=link.dead_letters(GROUP, settings.reject_limits),
        handlers={IN_TOPIC: drift.handle},
    )

    def missing() -> dict[str, str]:
        return {} if stream.is_ready else {"kafka": f"no broker at {settings.kafka_bootstrap}, or no group yet"}

    app = application(missing, routes(drift, settings.streams_max, settings.skew_items_max))
    page = serve(app, settings.http_host, settings.http_port, stop)
    await together(stop, page, streaming(link, stream, stop))
    checkpoints.close()


async def streaming(link: Link, stream: Stream, stop: asyncio.Event) -> None:
    """Consume until `stop` is set, then close the producer."""
    try:
        await link.producer.start(stop)
        await stream.run(stop)
    finally:
        await link.producer.stop()


if __name__ == "__main__":
    run(main)
