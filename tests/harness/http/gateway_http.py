"""The gateway's HTTP listener in the test process: the real application, keys, catalog and spool before scripted models."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from harness.calls.scripted_models import ScriptedTriton
from harness.samples.builders import NOON_US, envelope
from weir.access.keys_file import KeysFile
from weir.capture.spool import SpoolWriter
from weir.capture.spool_reader import SpoolReader
from weir.events import Event, InferenceCompleted, RegistryChanged, digest_of
from weir.gateway.adapters.openai_server import OpenAIServers
from weir.gateway.adapters.servers_file import ServersFile
from weir.gateway.adapters.upstream import upstream_at
from weir.gateway.api.openai.routes import page_of, routes
from weir.gateway.calls.call_metrics import CallMetrics
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.calls.gateway import Gateway
from weir.gateway.calls.recorder import Recorder
from weir.gateway.calls.request_ids import RequestIds
from weir.gateway.calls.turnstile import Turnstile
from weir.gateway.core.catalog import Catalog
from weir.gateway.core.completion import events_of
from weir.gateway.core.record import unpack
from weir.gateway.settings import GatewaySettings
from weir.runtime.http.server import application

KEYS = {tenant: f"weir_{number:08x}_" + "k" * 43 for number, tenant in enumerate(("demo", "other"))}
"""A key of each tenant."""

CARD = {"description": "x", "kind": "x", "license": "x"}
TEMPLATES = {
    "asks": "Q: {{ question }}",
    "talks": "{{ history }}\nQ: {{ question }}",
    "obeys": "[{{ system }}]\n{{ history }}\nQ: {{ question }}",
    "mute": "Say hello.",
}
"""Prompts, each on a route of its own that echoes what reached the model."""


@dataclass(slots=True)
class HttpDoor:
    """The running listener."""

    client: httpx2.AsyncClient
    triton: ScriptedTriton
    reader: SpoolReader
    catalog: Catalog
    """What the gateway knows of the registry."""
    parts: Gateway

    @staticmethod
    def authorization(tenant: str = "demo") -> bytes:
        """Value of the header, as bytes."""
        return f"Bearer {KEYS[tenant]}".encode()

    async def post(self, path: str, body: object, *, tenant: str = "demo", **headers: str) -> httpx2.Response:
        """One request; a body of bytes is sent as it is."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"authorization": f"Bearer {KEYS[tenant]}", "content-type": "application/json", **extra}
        return await self.client.post(path, content=sent, headers=given)

    async def chat(self, model: str, *contents: str, **fields: Any) -> httpx2.Response:
        """A chat of user and assistant messages in turn, the last one the user's."""
        roles = ("user", "assistant")
        messages = [
            {"role": roles[(len(contents) - 1 - place) % 2], "content": text} for place, text in enumerate(contents)
        ]
        return await self.post("/v1/chat/completions", {"model": model, "messages": messages, **fields})

    def events(self) -> list[Event]:
        """The events of everything recorded since the last time."""
        found: list[Event] = []
        while (piece := self.reader.read()) is not None:
            for payload in piece.payloads:
                found += [event for _, _, event in events_of(unpack(payload), text_chars_max=10_000)]
            self.reader.acknowledge(piece)
        return found

    def completed(self) -> InferenceCompleted:
        """The event of the call that ended last."""
        return [event for event in self.events() if isinstance(event, InferenceCompleted)][-1]


@contextlib.asynccontextmanager
async def http_door(folder: Path, **settings: str) -> AsyncIterator[HttpDoor]:
    """A listener with a route for each scripted model and each template. settings: as environment variables name them."""
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"keys": [_key(tenant, text) for tenant, text in KEYS.items()]}))
    known = GatewaySettings.model_validate(
        {"WEIR_GATEWAY_KEYS_FILE": str(keys), "WEIR_DATA_DIR": str(folder), **settings}
    )
    writer = SpoolWriter(
        known.spool_dir, boot_epoch=NOON_US, bytes_max=2**28, segment_bytes_max=2**23, is_durable=False
    )
    capture = SpoolCapture(writer, source="gateway/test", boot_epoch=NOON_US, capture_bytes_max=known.capture_bytes_max)
    async with ScriptedTriton() as triton:
        upstream = upstream_at(triton.address, message_bytes_max=known.message_bytes_max, library=known.rpc)
        catalog = catalog_of(triton)
        recorder = Recorder(known, capture, CallMetrics(catalog.knows, known.metric_routes_max))
        servers = OpenAIServers(ServersFile(known.openai_servers_file))
        parts = Gateway(
            known, KeysFile(keys), catalog, Turnstile(known), recorder, RequestIds(b"s" * 32), upstream, servers
        )
        app = application(
            dict,
            known.http_policy(),
            routes(parts),
            page_of,
        )
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield HttpDoor(client, triton, SpoolReader(known.spool_dir), catalog, parts)
        await upstream.close()
        await servers.close()
    writer.close()


def catalog_of(triton: ScriptedTriton) -> Catalog:
    """A route for each model, by its name, and one for each template."""
    catalog = Catalog()
    for name, model in triton.models.items():
        is_chat = "text_input" in model.inputs
        catalog.apply(asset("model", name, {
            "task": "chat" if is_chat else "embeddings", "unary_model": name, "stream_model": name if is_chat else None,
            "input": "text_input" if is_chat else "text", "card": CARD,
        }))  # fmt: skip
    catalog.apply(asset("model", "streams-only", {
        "task": "chat", "unary_model": None, "stream_model": "echo", "input": "text_input", "card": CARD,
    }))  # fmt: skip
    limits = {"parameters_allowed": ["max_tokens", "seed"], "output_tokens_max": 64}
    catalog.apply(asset("policy", "limits", limits))
    limited = {"model": "echo@prod", "policy": "limits@prod", "nodes": [], "edges": []}
    catalog.apply(asset("chain", "limited", limited))
    for name, template in TEMPLATES.items():
        catalog.apply(asset("prompt", name, {"template": template, "variables": []}))
        catalog.apply(asset("chain", name, {"model": "echo@prod", "prompt": f"{name}@prod", "nodes": [], "edges": []}))
    return catalog


def asset(kind: str, name: str, spec: Mapping[str, Any], version: str = "1", revision: int = 1) -> RegistryChanged:
    """A version of an asset, at alias prod."""
    return RegistryChanged(
        **envelope(f"{kind} {name}"), revision=revision, change="alias_moved", kind=kind, name=name, version=version,
        digest=digest_of(spec), alias="prod", body_json=json.dumps(spec), author="me",
    )  # fmt: skip


def _key(tenant: str, text: str) -> dict[str, Any]:
    return {
        "id": tenant,
        "prefix": text[5:13],
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "tenant": tenant,
        "scopes": ["infer", "embed", "models", "feedback"],
        "routes": ["*"],
        "expires_us": None,
    }
