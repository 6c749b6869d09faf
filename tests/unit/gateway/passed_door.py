"""The HTTP door before a played OpenAI server: a route `far` at it, and what a test wants beside it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai

from harness.http.gateway_http import CARD, KEYS, HttpDoor, asset, http_door
from harness.http.openai_server import Play, PlayedServer, answer, played, whole
from weir.events import InferenceCompleted, InferenceRequested

MODEL = "Qwen/Qwen3-8B"
"""What the model is called on the server."""

HELLO = [{"role": "user", "content": "Why is the sky blue?"}]


@dataclass(slots=True)
class PassedDoor:
    """The door and the server behind it."""

    door: HttpDoor
    server: PlayedServer
    file: Path
    """The operator's file of servers."""

    async def chat(self, messages: list[dict[str, Any]] = HELLO, route: str = "far", **fields: Any) -> httpx2.Response:
        """A chat completion."""
        return await self.door.post("/v1/chat/completions", {"model": route, "messages": messages, **fields})

    def client(self) -> openai.AsyncOpenAI:
        """A stock client of this door."""
        return openai.AsyncOpenAI(
            api_key=KEYS["demo"], base_url="http://127.0.0.1/v1", http_client=self.door.client, max_retries=0
        )

    @property
    def body(self) -> Any:
        """What the server was sent last."""
        return self.server.requests[-1].body

    def ended(self) -> tuple[InferenceRequested | None, InferenceCompleted]:
        """The events of the one call since the last time: none of a request that was refused before."""
        events = self.door.events()
        [completed] = [one for one in events if isinstance(one, InferenceCompleted)]
        requested = [one for one in events if isinstance(one, InferenceRequested)]
        return (requested[0] if requested else None), completed

    def apply(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Let the gateway hear of a version at prod; of a model with the keys that each has."""
        own = {"task": "chat", "card": CARD} if kind == "model" else {}
        self.door.catalog.apply(asset(kind, name, {**own, **spec}))

    def list_servers(self, *servers: dict[str, Any]) -> None:
        """Write the operator's file, which is read before the next call."""
        self.file.write_text(json.dumps({"servers": list(servers)}))
        self.door.parts.servers._file._next_look_s = 0.0


@asynccontextmanager
async def passed_door(
    folder: Path,
    *plays: Play,
    endpoint: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    chain: dict[str, dict[str, Any]] | None = None,
    **settings: str,
) -> AsyncIterator[PassedDoor]:
    """A door. endpoint, server, model: keys beside those that are needed. chain: assets of a chain `chained` over the model."""
    file = folder / "openai-servers.json"
    settings["WEIR_GATEWAY_OPENAI_SERVERS_FILE"] = str(file)
    async with played(*(plays or (whole(answer()),))) as far, http_door(folder, **settings) as door:
        made = PassedDoor(door, far, file)
        where = {"base_url": far.base_url, "model": MODEL, **(endpoint or {})}
        made.apply("model", "far", {"endpoint": where, **(model or {})})
        for kind, body in (chain or {}).items():
            made.apply(kind, "chained", body)
        if chain is not None:
            parts = dict.fromkeys(chain, "chained@prod")
            made.apply("chain", "chained", {"model": "far@prod", "nodes": [], "edges": [], **parts})
        made.list_servers({"base_url": far.base_url, **(server or {})})
        yield made
