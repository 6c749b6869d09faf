"""The OTLP receiver in this process, on real ports and a spool of its own, with no Kafka: what stock exporters are pointed at."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.stack.service_process import free_port
from weir.access.keys_file import KeysFile
from weir.access.request_id_secret import request_id_secret
from weir.capture.spool import SpoolWriter
from weir.capture.spool_reader import SpoolReader
from weir.cli.stack.ports import is_free
from weir.events import TOPICS, Event, decode_body
from weir.events.log import ProducerEpoch
from weir.otlp.api.grpc_listener import serve_grpc
from weir.otlp.api.http_listener import page_of, routes
from weir.otlp.app.receiver import Receiver
from weir.otlp.core.record import SpanRecord, unpack
from weir.otlp.settings import OtlpSettings
from weir.runtime.clock import now_us
from weir.runtime.http.server import application, serve

KEYS = {
    "demo": f"weir_{'1' * 8}_{'d' * 43}",
    "other": f"weir_{'2' * 8}_{'o' * 43}",
    "blind": f"weir_{'3' * 8}_{'b' * 43}",
    "narrow": f"weir_{'4' * 8}_{'n' * 43}",
}
"""Keys by tenant. `blind` lacks the scope, `narrow` is for one route alone."""


@dataclass(frozen=True, slots=True)
class OtlpDoor:
    """The receiver while it runs."""

    http: str
    """Base URL."""
    grpc: str
    """host:port."""
    receiver: Receiver
    reader: SpoolReader

    @staticmethod
    def headers(tenant: str = "demo") -> dict[str, str]:
        """What a caller of the tenant sends."""
        return {"authorization": f"Bearer {KEYS[tenant]}"}

    def records(self) -> list[SpanRecord]:
        """What is in the spool, in order; each once."""
        found = []
        while (piece := self.reader.read()) is not None:
            found += [unpack(payload) for payload in piece.payloads]
            self.reader.acknowledge(piece)
        return found

    def events(self) -> list[Event]:
        """The events of what is in the spool."""
        return [event for record in self.records() for event in events_in(record)]


def events_in(record: SpanRecord) -> list[Event]:
    """The events of a record, decoded as consumers do."""
    return [decode_body(TOPICS[topic].event, body) for topic, _, body in record.messages]


@contextlib.asynccontextmanager
async def otlp_door(folder: Path, **settings: str) -> AsyncIterator[OtlpDoor]:
    """A running receiver. settings: as environment variables name them."""
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"keys": [key_of(tenant, text) for tenant, text in KEYS.items()]}))
    grpc_port, http_port = free_port(), free_port()
    known = OtlpSettings.model_validate(
        {
            "WEIR_GATEWAY_KEYS_FILE": str(keys), "WEIR_DATA_DIR": str(folder), "WEIR_OTLP_GRPC_PORT": grpc_port,
            "WEIR_HTTP_PORT": http_port, "WEIR_OTLP_LEAVE_S": "0", **settings,
        }
    )  # fmt: skip
    epoch = ProducerEpoch("otlp/test", now_us())
    writer = SpoolWriter(
        known.spool_dir,
        boot_epoch=epoch.boot_epoch,
        bytes_max=known.spool_bytes_max,
        segment_bytes_max=known.segment_bytes_max,
        source=epoch.source,
        bytes_setting="WEIR_OTLP_SPOOL_BYTES_MAX",
    )
    receiver = Receiver(known, KeysFile(keys), writer, epoch, request_id_secret(known.request_id_secret))
    stop = asyncio.Event()
    app = application(dict, known.http_policy(), routes(receiver), page_of)
    serving = asyncio.gather(serve(app, stop), serve_grpc(receiver, stop))
    await _until_listening(http_port, grpc_port)
    try:
        yield OtlpDoor(
            f"http://127.0.0.1:{http_port}", f"127.0.0.1:{grpc_port}", receiver, SpoolReader(known.spool_dir)
        )
    finally:
        stop.set()
        await serving
        writer.close()


async def _until_listening(*ports: int) -> None:
    for port in ports:
        while is_free(port):
            await asyncio.sleep(0.01)


def key_of(tenant: str, text: str) -> dict[str, Any]:
    """What a keys file holds of a key."""
    return {
        "id": tenant,
        "prefix": text[5:13],
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "tenant": tenant,
        "scopes": ["infer"] if tenant == "blind" else ["otlp"],
        "routes": ["gpt-4.1"] if tenant == "narrow" else ["*"],
        "expires_us": None,
    }
