"""A gRPC server that speaks Triton's own protocol buffers and does what a test tells it to.

It is a model server as far as the wire is concerned; what a real Triton does is checked by tests of the stack.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

DIMENSIONS = 4


@dataclass
class ScriptedTriton(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated without types
    """Answers ModelInfer with the request's raw contents, unless told to wait or to fail."""

    fail_with: tuple[grpc.StatusCode, str] | None = None
    hold: asyncio.Event | None = None
    """Calls wait until it is set."""
    entered: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    """Released once for each call that arrived."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    metadata: list[dict[str, Any]] = field(default_factory=list)
    """Of inferences alone: the watch asks for readiness at any moment."""
    remaining_s: list[float | None] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    """Texts of each embedding call."""

    async def ServerReady(self, request: Any, context: Any) -> Any:
        return service_pb2.ServerReadyResponse(ready=True)

    async def ServerMetadata(self, request: Any, context: Any) -> Any:
        return service_pb2.ServerMetadataResponse(name="scripted", version="1")

    async def ModelInfer(self, request: Any, context: Any) -> Any:
        await self._arrived(context)
        if self.fail_with:
            await context.abort(*self.fail_with)
        if request.model_name == "minilm":
            return self._embedding(request)
        return service_pb2.ModelInferResponse(
            model_name=request.model_name, id=request.id, raw_output_contents=request.raw_input_contents
        )

    async def ModelStreamInfer(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        await self._arrived(context)
        async for request in requests:
            for number in range(3):
                response = service_pb2.ModelInferResponse(id=f"{request.id}-{number}", model_name=request.model_name)
                yield service_pb2.ModelStreamInferResponse(infer_response=response)
            if self.fail_with:
                await context.abort(*self.fail_with)

    async def _arrived(self, context: Any) -> None:
        self.metadata.append(dict(context.invocation_metadata()))
        self.remaining_s.append(context.time_remaining())
        self.entered.release()
        if self.hold is None:
            return
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def _embedding(self, request: Any) -> Any:
        texts = _strings(request.raw_input_contents[0])
        self.texts.append(texts)
        rows = np.array([[len(text) + 1, text.count("a"), 1, 0] for text in texts], dtype=np.float32)
        response = service_pb2.ModelInferResponse(model_name="minilm", raw_output_contents=[rows.tobytes()])
        response.outputs.add(name="embedding", datatype="FP32", shape=[len(texts), DIMENSIONS])
        return response


def _strings(raw: bytes) -> list[str]:
    texts = []
    at = 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        texts.append(raw[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return texts


async def serve(triton: ScriptedTriton, port: int = 0) -> tuple[grpc.aio.Server, int]:
    """The server of a scripted Triton, started, and its port."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(triton, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, bound
