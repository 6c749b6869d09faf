"""`python -m weir.gateway`: both listeners, health, and the follower of the registry."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from weir.access.keys_file import KeysFile
from weir.access.request_id_secret import request_id_secret
from weir.capture.group_sync import GroupSync
from weir.capture.heads import keep_heads
from weir.capture.spool import SpoolWriter
from weir.events import Event, RegistryChanged
from weir.gateway.adapters.catalog_file import catalog_content, load_catalog, save_catalog
from weir.gateway.adapters.metrics import BOOT_EPOCH, CATALOG_REVISION, NUMBERS
from weir.gateway.adapters.openai_server import OpenAIServers
from weir.gateway.adapters.servers_file import ServersFile
from weir.gateway.adapters.upstream import upstream_at
from weir.gateway.api.oip.server import serve_oip
from weir.gateway.api.openai.routes import page_of, routes
from weir.gateway.calls.call_metrics import CallMetrics
from weir.gateway.calls.capture import GAP_SPARE_BYTES, REFUSAL_SPARE_SHARE, SpoolCapture
from weir.gateway.calls.gateway import Gateway
from weir.gateway.calls.recorder import Recorder
from weir.gateway.calls.request_ids import RequestIds
from weir.gateway.calls.turnstile import Turnstile
from weir.gateway.core.catalog import Catalog
from weir.gateway.settings import GatewaySettings
from weir.runtime.clock import monotonic_s
from weir.runtime.http.server import application, serve
from weir.runtime.kafka.follow import Follower
from weir.runtime.kafka.link import Link, link_from
from weir.runtime.process import begin, run, together
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import first_of, wait_or_stop

COMPLETION_SPARE_SHARE = 16
"""One part in so many of the spool is for completions: calls in flight end well when new ones are refused. Arbitrary; any
value from 8 to 32 would do: 16 MiB of the default, the ends of 6,000 calls of 2.5 KB."""

GAP_SPARE_SHARE = 4_096
"""One part in so many of the spool is for gap records. Chosen: 64 KiB of the default, the ends of 1,600 calls."""

END_WITHIN_S = 2.0
"""Seconds that cancelled calls have for their end once both listeners are closed: an append each. Arbitrary; any value
from 0.5 to 5 would do: appends take microseconds, a sync milliseconds."""

LOOK_S = 0.01
"""Seconds between two looks at them. Arbitrary; any value from 0.001 to 0.1 would do: small against the time they have."""


SNAPSHOT_EVERY_S = 2.0
"""Seconds between looks whether the catalog changed and wants saving. Arbitrary; any value from 0.5 to 60 would do: what was
not saved is read from the topic again."""


async def main(stop: asyncio.Event) -> None:
    """Run all parts of the gateway, side by side, until `stop` is set."""
    settings = GatewaySettings()
    begin("gateway", settings)
    settings.refuse_open_listeners()
    policy = settings.http_policy()
    link = link_from(settings, "gateway")
    writer = _writer_of(settings, link)
    capture = _capture_of(settings, link, writer)
    BOOT_EPOCH.set(link.numbering.boot_epoch)
    NUMBERS.set_function(lambda: capture.numbers_used)
    catalog = load_catalog(settings.catalog_file)
    keys = KeysFile(settings.keys_file)
    upstream = upstream_at(
        settings.inference_address,
        message_bytes_max=settings.message_bytes_max,
        library=settings.rpc,
        certificates=settings.upstream_certificates(),
    )
    group_sync = GroupSync(writer) if settings.durability == "fsync" else None
    metrics = CallMetrics(catalog.knows, settings.metric_routes_max)
    gateway = Gateway(
        settings,
        keys,
        catalog,
        Turnstile(settings),
        Recorder(settings, capture, metrics, group_sync),
        RequestIds(request_id_secret(settings.request_id_secret)),
        upstream,
        OpenAIServers(ServersFile(settings.openai_servers_file)),
    )

    def apply(event: Event) -> None:
        if isinstance(event, RegistryChanged):
            catalog.apply(event)
            CATALOG_REVISION.set(catalog.revision)

    known = asyncio.Event()
    follower = Follower(bootstrap=settings.kafka_bootstrap, topic="registry-changes", serde=link.serde, apply=apply)
    app = application(partial(_missing, gateway), policy, routes(gateway), page_of)
    await together(
        stop,
        serve(app, stop),
        serve_oip(gateway, stop, known),
        follower.run(stop),
        _once_known(catalog, follower, known, stop),
        _keep_snapshot(settings, catalog, stop),
        keep_heads(capture.write_head, stop),
    )
    await _until_ended(gateway.turnstile)
    await upstream.close()
    await gateway.servers.close()
    capture.write_gap()
    capture.write_head()
    writer.close()


def _writer_of(settings: GatewaySettings, link: Link) -> SpoolWriter:
    return SpoolWriter(
        settings.spool_dir,
        boot_epoch=link.numbering.boot_epoch,
        bytes_max=settings.spool_bytes_max,
        segment_bytes_max=settings.segment_bytes_max,
        is_durable=settings.durability == "fsync",
        source=link.numbering.source,
    )


def _capture_of(settings: GatewaySettings, link: Link, writer: SpoolWriter) -> SpoolCapture:
    """What records calls, with the room that only ends, refusals and gaps may use."""
    return SpoolCapture(
        writer,
        source=link.numbering.source,
        boot_epoch=link.numbering.boot_epoch,
        capture_bytes_max=settings.capture_bytes_max,
        completion_spare_bytes=settings.spool_bytes_max // COMPLETION_SPARE_SHARE,
        refusal_spare_bytes=settings.spool_bytes_max // REFUSAL_SPARE_SHARE,
        gap_spare_bytes=max(GAP_SPARE_BYTES, settings.spool_bytes_max // GAP_SPARE_SHARE),
    )


def _missing(gateway: Gateway) -> Mapping[str, str]:
    """What keeps the gateway from its work: part -> reason."""
    state, parts = gateway.upstream.state(), dict[str, str]()
    if state not in ("ready", "idle", "connecting"):
        parts["inference"] = f"{gateway.settings.inference_address} is {state}"
    if not gateway.catalog.is_read:
        parts["registry-changes"] = "not read yet, and no snapshot of the catalog; every model would be unknown"
    if gateway.keys.problem():
        parts["keys"] = gateway.keys.problem()
    return parts


async def _once_known(catalog: Catalog, follower: Follower, known: asyncio.Event, stop: asyncio.Event) -> None:
    """Say that names mean something: at once with a snapshot, else once the registry's changes were read."""
    if not catalog.is_read:
        await first_of(follower.caught_up, stop)
        catalog.is_read = follower.caught_up.is_set()
    if catalog.is_read:
        known.set()
    await stop.wait()


async def _until_ended(turnstile: Turnstile) -> None:
    """Wait until the calls that a stop cancelled have their end, before the spool is closed."""
    deadline_s = monotonic_s() + END_WITHIN_S
    while turnstile.calls.held and monotonic_s() < deadline_s:
        await asyncio.sleep(LOOK_S)


async def _keep_snapshot(settings: GatewaySettings, catalog: Catalog, stop: asyncio.Event) -> None:
    """Save the catalog whenever it changed, so that the next start needs no Kafka."""
    saved = catalog.changes
    while not stop.is_set():
        await wait_or_stop(stop, SNAPSHOT_EVERY_S)
        changes = catalog.changes
        if changes == saved:
            continue
        try:
            # A sync takes milliseconds: in a thread, calls do not wait for it.
            await asyncio.to_thread(save_catalog, settings.catalog_file, catalog_content(catalog))
        except OSError as error:  # a full disk costs a start without Kafka, never a call
            logger().error("catalog_not_saved", error=str(error), hint="free some space")
        else:
            saved = changes


if __name__ == "__main__":
    run(main)
