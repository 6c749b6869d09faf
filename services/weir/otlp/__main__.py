"""`python -m weir.otlp`: both listeners, health, and the spool."""

from __future__ import annotations

import asyncio

from weir.access.keys_file import KeysFile
from weir.access.request_id_secret import request_id_secret
from weir.capture.group_sync import GroupSync
from weir.capture.heads import keep_heads
from weir.capture.spool import SpoolWriter
from weir.events.log import ProducerEpoch
from weir.otlp.adapters.metrics import BOOT_EPOCH, NUMBERS
from weir.otlp.api.grpc_listener import serve_grpc
from weir.otlp.api.http_listener import page_of, routes
from weir.otlp.app.receiver import Receiver
from weir.otlp.settings import OtlpSettings
from weir.runtime.clock import now_us
from weir.runtime.http.server import application, serve
from weir.runtime.process import begin, run, together


async def main(stop: asyncio.Event) -> None:
    """Run all parts of the receiver, side by side, until `stop` is set."""
    settings = OtlpSettings()
    begin("otlp", settings)
    settings.refuse_open_listeners()
    policy = settings.http_policy()
    epoch = ProducerEpoch(f"otlp/{settings.instance}", now_us())
    writer = SpoolWriter(
        settings.spool_dir,
        boot_epoch=epoch.boot_epoch,
        bytes_max=settings.spool_bytes_max,
        segment_bytes_max=settings.segment_bytes_max,
        is_durable=settings.durability == "fsync",
        source=epoch.source,
        bytes_setting="WEIR_OTLP_SPOOL_BYTES_MAX",
    )
    keys = KeysFile(settings.keys_file)
    secret = request_id_secret(settings.request_id_secret)
    sync = GroupSync(writer) if settings.durability == "fsync" else None
    receiver = Receiver(settings, keys, writer, epoch, secret, sync)
    BOOT_EPOCH.set(epoch.boot_epoch)
    NUMBERS.set_function(lambda: receiver.numbers_used)

    def missing() -> dict[str, str]:
        problem = keys.problem() if settings.keys_file else "WEIR_GATEWAY_KEYS_FILE is not set: nobody may report"
        return {"keys": problem} if problem else {}

    app = application(missing, policy, routes(receiver), page_of)
    await together(stop, serve(app, stop), serve_grpc(receiver, stop), keep_heads(receiver.write_head, stop))
    receiver.write_head()
    writer.close()


if __name__ == "__main__":
    run(main)
