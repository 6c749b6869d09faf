"""Both doors of the gateway in the test's own loop: real sockets, a real spool, and a model server that obeys the test.

The model server speaks bytes, so that it can also send what is no message.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx2
from grpc_health.v1 import health_pb2
from tritonclient.grpc import service_pb2

from harness.samples.builders import NOON_US, envelope
from harness.stack.service_process import free_port
from harness.waiting import PATIENCE_S
from weir.access.keys_file import KeysFile
from weir.capture.group_sync import GroupSync
from weir.capture.spool import SpoolWriter
from weir.capture.spool_reader import SpoolReader
from weir.events import RegistryChanged, digest_of
from weir.gateway.adapters.upstream import upstream_at
from weir.gateway.api.oip.server import serve_oip
from weir.gateway.api.openai.routes import page_of, routes
from weir.gateway.calls.call_metrics import CallMetrics
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.calls.gateway import Gateway
from weir.gateway.calls.recorder import Recorder
from weir.gateway.calls.request_ids import RequestIds
from weir.gateway.calls.turnstile import Turnstile
from weir.gateway.core.catalog import Catalog
from weir.gateway.core.record import Record, unpack
from weir.gateway.settings import GatewaySettings
from weir.runtime.files.disk import DISK, Disk
from weir.runtime.http.server import application, serve
from weir.runtime.oip import SERVICE

KEYS = {tenant: f"weir_{number:08x}_{tenant[0] * 43}" for number, tenant in enumerate(("ada", "bob"))}
"""API key of each tenant."""

FREE = (0, 0, 0)
"""What is held once every call has ended: calls, streams, bytes."""

CHECK = "/grpc.health.v1.Health/Check"
QUESTION = bytes(health_pb2.HealthCheckRequest().SerializeToString())
SERVING = bytes(health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING).SerializeToString())

LOOK_S = 0.01

Unary = Callable[[bytes, Any], Awaitable[bytes]]
Stream = Callable[[AsyncIterator[bytes], Any], AsyncIterator[bytes]]


async def echo(message: bytes, _: Any) -> bytes:
    """The model's answer to one request."""
    request = service_pb2.ModelInferRequest.FromString(message)
    return bytes(response_of(request.id).SerializeToString())


async def echo_stream(requests: AsyncIterator[bytes], _: Any) -> AsyncIterator[bytes]:
    """Two pieces for each request, the second one the last."""
    async for message in requests:
        request = service_pb2.ModelInferRequest.FromString(message)
        for is_last in (False, True):
            yield piece_of(request.id, is_last=is_last)


async def metadata(message: bytes, _: Any) -> bytes:
    """What both models take in."""
    response = service_pb2.ModelMetadataResponse(name=service_pb2.ModelMetadataRequest.FromString(message).name)
    for name, datatype in (("text_input", "BYTES"), ("stream", "BOOL"), ("sampling_parameters", "BYTES")):
        response.inputs.add(name=name, datatype=datatype, shape=[1])
    return bytes(response.SerializeToString())


def response_of(request_id: str, text: str = "an answer") -> Any:
    """A ModelInferResponse with one text."""
    response = service_pb2.ModelInferResponse(model_name="qa", id=request_id)
    response.outputs.add(name="text_output", datatype="BYTES", shape=[1])
    response.raw_output_contents.append(len(text.encode()).to_bytes(4, "little") + text.encode())
    return response


def piece_of(request_id: str, text: str = "piece", *, is_last: bool = False) -> bytes:
    """A ModelStreamInferResponse with one text."""
    inner = response_of(request_id, text)
    inner.parameters["triton_final_response"].bool_param = is_last
    return bytes(service_pb2.ModelStreamInferResponse(infer_response=inner).SerializeToString())


def request_of(model: str = "qa", request_id: str = "1", text: str = "a question") -> bytes:
    """A ModelInferRequest with one text."""
    message = service_pb2.ModelInferRequest(model_name=model, id=request_id)
    message.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    message.raw_input_contents.append(len(text.encode()).to_bytes(4, "little") + text.encode())
    return bytes(message.SerializeToString())


@dataclass
class Model(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """The model server; a test replaces what it does."""

    unary: Unary = echo
    stream: Stream = echo_stream
    calls: int = 0
    looked_at: int = 0
    """Questions about its metadata."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def service(self, handler_call_details: Any) -> Any:
        """Handlers over bytes."""
        if handler_call_details.method.endswith("/ModelStreamInfer"):
            return grpc.stream_stream_rpc_method_handler(self._stream)
        if handler_call_details.method.endswith("/ModelMetadata"):
            self.looked_at += 1
            return grpc.unary_unary_rpc_method_handler(metadata)
        return grpc.unary_unary_rpc_method_handler(self._unary)

    async def _unary(self, message: bytes, context: Any) -> bytes:
        self.calls += 1
        try:
            return await self.unary(message, context)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def _stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        self.calls += 1
        try:
            async for message in self.stream(requests, context):
                yield message
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise


@dataclass
class Doors:
    """A running gateway."""

    grpc_address: str
    url: str
    model: Model
    parts: Gateway
    capture: SpoolCapture
    spool: Path
    writer: SpoolWriter
    client: httpx2.AsyncClient
    known: asyncio.Event
    """Set: names mean something."""
    authorities: Path | None = None
    """File of the authority behind its certificate, where both listeners speak TLS."""
    seen: list[Record] = field(default_factory=list)

    def channel(self) -> grpc.aio.Channel:
        """A connection of its own; close it, or use it in `async with`."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        if self.authorities is None:
            return grpc.aio.insecure_channel(self.grpc_address, options=options)
        trusting = grpc.ssl_channel_credentials(self.authorities.read_bytes())
        return grpc.aio.secure_channel(self.grpc_address, trusting, options=options)

    def records(self) -> list[Record]:
        """Everything recorded so far."""
        reader = SpoolReader(self.spool)
        while (piece := reader.read()) is not None:
            self.seen += [unpack(payload) for payload in piece.payloads]
            reader.acknowledge(piece)
        return self.seen

    def ends(self) -> list[tuple[str, str]]:
        """Outcome and reason of every end."""
        return [(one.end.outcome, one.end.error_type) for one in self.records() if one.end is not None]

    def open_calls(self) -> set[str]:
        """Request ids that were recorded and have no end."""
        records = self.records()
        opened = {one.call.request_id for one in records if one.kind == "requested" and one.call is not None}
        ended = {one.call.request_id for one in records if one.end is not None and one.call is not None}
        return opened - ended - {name for one in records if one.gap is not None for name in one.gap.ended}

    @property
    def held(self) -> tuple[int, int, int]:
        """Calls, streams and bytes in flight."""
        turnstile = self.parts.turnstile
        return turnstile.calls.held, turnstile.streams.held, turnstile.bytes.held

    def is_ended(self, calls: int) -> bool:
        """Whether so many calls have their end."""
        return len(self.ends()) == calls

    def is_holding(self, calls: int) -> bool:
        """Whether so many calls are in flight."""
        return self.held[0] == calls

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                await asyncio.sleep(LOOK_S)

    async def infer(self, wire: bytes, key: str = KEYS["ada"], channel: grpc.aio.Channel | None = None) -> bytes:
        """One ModelInfer call."""
        if channel is None:
            async with self.channel() as own:
                return await self.infer(wire, key, own)
        return bytes(await infer_on(channel)(wire, metadata=bearer(key), timeout=PATIENCE_S))

    async def stream(self, *requests: bytes, channel: grpc.aio.Channel, key: str = KEYS["ada"]) -> list[bytes]:
        """All answers of one ModelStreamInfer call."""
        return [bytes(one) async for one in stream_on(channel)(iter(requests), metadata=bearer(key))]

    async def chat(self, key: str = KEYS["ada"], **fields: Any) -> httpx2.Response:
        """One POST to /v1/chat/completions."""
        body = {"model": "qa", "messages": [{"role": "user", "content": "a question"}], **fields}
        return await self.client.post(
            f"{self.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
        )


def infer_on(channel: grpc.aio.Channel) -> Any:
    """The ModelInfer method over bytes."""
    return channel.unary_unary(f"/{SERVICE}/ModelInfer")


def stream_on(channel: grpc.aio.Channel) -> Any:
    """The ModelStreamInfer method over bytes."""
    return channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    """Metadata with a key; none for an empty one."""
    return (("authorization", f"Bearer {key}"),) if key else ()


async def still_serves(gateway: Doors, tenant: str = "bob") -> None:
    """A well-behaved tenant is answered at both doors, and the probes are."""
    async with gateway.channel() as channel:
        await gateway.infer(request_of(), KEYS[tenant], channel)
        assert await channel.unary_unary(CHECK)(QUESTION, timeout=PATIENCE_S) == SERVING
    assert (await gateway.chat(KEYS[tenant])).status_code == 200
    assert (await gateway.client.get(f"{gateway.url}/healthz")).status_code == 200


@asynccontextmanager
async def doors(
    folder: Path,
    *,
    limits: dict[str, Any] | None = None,
    disk: Disk = DISK,
    rights: dict[str, Any] | None = None,
    authorities: Path | None = None,
    **settings: Any,
) -> AsyncIterator[Doors]:
    """A gateway. settings: by the end of their variable's name, `calls_at_once_max=4`. limits: of ada's key.

    rights: scopes and routes of ada's key, where it has not all. authorities: of the certificate that the settings name.
    """
    stop, model = asyncio.Event(), Model()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((model,))
    model_port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    read = _settings(folder, _keys_file(folder, limits or {}, rights or {}), **settings)
    writer = SpoolWriter(
        read.spool_dir, boot_epoch=NOON_US, bytes_max=read.spool_bytes_max, segment_bytes_max=read.segment_bytes_max,
        is_durable=read.durability == "fsync", source="gateway/1", disk=disk,
    )  # fmt: skip
    group_sync = GroupSync(writer) if read.durability == "fsync" else None
    capture = SpoolCapture(
        writer, source="gateway/1", boot_epoch=NOON_US, capture_bytes_max=read.capture_bytes_max,
        completion_spare_bytes=read.spool_bytes_max // 16, refusal_spare_bytes=read.spool_bytes_max // 2,
    )  # fmt: skip
    upstream = upstream_at(f"127.0.0.1:{model_port}", message_bytes_max=read.message_bytes_max, library=read.rpc)
    catalog = _catalog()
    recorder = Recorder(read, capture, CallMetrics(catalog.knows, read.metric_routes_max), group_sync)
    keys = KeysFile(read.keys_file)
    parts = Gateway(read, keys, catalog, Turnstile(read), recorder, RequestIds(b"s" * 32), upstream)
    app = application(dict, read.http_policy(), routes(parts), page_of)
    known = asyncio.Event()
    known.set()
    serving = asyncio.gather(serve_oip(parts, stop, known), serve(app, stop))
    trusted = False if authorities is None else ssl.create_default_context(cafile=authorities)
    client = httpx2.AsyncClient(verify=trusted, timeout=PATIENCE_S)  # plain HTTP: no certificates to load
    made = Doors(
        f"127.0.0.1:{read.grpc_port}",
        f"http{'s' if read.tls_http else ''}://127.0.0.1:{read.http_port}",
        model,
        parts,
        capture,
        read.spool_dir,
        writer,
        client,
        known,
        authorities,
    )
    try:
        await _until_served(made)
        yield made
    finally:
        await client.aclose()
        stop.set()
        await serving
        await upstream.close()
        await server.stop(None)
        writer.close()


async def _until_served(made: Doors) -> None:
    async with made.channel() as channel, asyncio.timeout(PATIENCE_S):
        await channel.channel_ready()
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await made.client.get(f"{made.url}/healthz")
            except httpx2.ConnectError:
                await asyncio.sleep(LOOK_S)
            else:
                return


def _settings(folder: Path, keys: Path, **settings: Any) -> GatewaySettings:
    named: dict[str, Any] = {f"WEIR_GATEWAY_{name.upper()}": value for name, value in settings.items()}
    named |= {"WEIR_DATA_DIR": folder, "WEIR_GATEWAY_KEYS_FILE": keys, "WEIR_GATEWAY_LEAVE_S": 0}
    named |= {"WEIR_HTTP_PORT": free_port(), "WEIR_GATEWAY_GRPC_PORT": free_port()}
    return GatewaySettings.model_validate(named)


def _keys_file(folder: Path, limits: dict[str, Any], rights: dict[str, Any]) -> Path:
    keys = [
        {
            "id": f"key-{tenant}",
            "prefix": key.split("_")[1],
            "sha256": hashlib.sha256(key.encode()).hexdigest(),
            "tenant": tenant,
            "scopes": ["infer", "models", "feedback"],
            **({"limits": limits} if limits and tenant == "ada" else {}),
            **(rights if tenant == "ada" else {}),
        }
        for tenant, key in KEYS.items()
    ]
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": keys}))
    return path


def _catalog() -> Catalog:
    spec = {"task": "chat", "unary_model": "qa", "stream_model": "qa-stream", "input": "text_input"}
    made = Catalog()
    for alias in ("", "prod"):
        made.apply(
            RegistryChanged(
                **envelope(f"model qa {alias}"),
                revision=1,
                change="alias_moved" if alias else "version_created",
                kind="model",
                name="qa",
                version="1",
                digest=digest_of(spec),
                alias=alias,
                body_json=json.dumps(spec),
                author="me",
            )  # fmt: skip
        )
    return made
