"""The client of the Open Inference Protocol: one gRPC channel, messages as bytes, nothing decoded.

The gateway calls the inference service with it, and that one calls the model server; both speak Triton's own service.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from weir.runtime.rpc.channel import ChannelOptions
from weir.runtime.rpc.library import Library, channel_of

SERVICE = "inference.GRPCInferenceService"
"""The gRPC service of the Open Inference Protocol as Triton serves it."""

CONTROL_METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata")
"""Unary methods that ask about the server or a model."""

INFER, STREAM_INFER = "ModelInfer", "ModelStreamInfer"

UNARY_METHODS = (*CONTROL_METHODS, INFER)
"""Unary methods that are forwarded. The rest of Triton's service governs the server and is not reachable through Weir."""

SERVER_TIMING = "weir-server-timing"
"""Trailing metadata by which a hop tells its spans: a JSON list."""

Metadata = Sequence[tuple[str, str | bytes]]


class OipClient:
    """Calls of one server."""

    def __init__(self, address: str, options: ChannelOptions, library: Library) -> None:
        """address: host:port. Connects on first use, and by itself again after a loss. Needs a running loop."""
        self.address = address
        self._channel = channel_of(library, address, options)
        self._unary = {name: self._channel.unary_unary(f"/{SERVICE}/{name}") for name in UNARY_METHODS}
        self._stream = self._channel.stream_stream(f"/{SERVICE}/{STREAM_INFER}")

    def unary(self, method: str, message: bytes, *, timeout_s: float, metadata: Metadata = ()) -> Any:
        """Start a unary call; await it for the response bytes. Raises grpc.aio.AioRpcError when awaited."""
        return self._unary[method](message, timeout=timeout_s, metadata=tuple(metadata))

    def stream(
        self, requests: AsyncIterator[bytes] | None = None, *, timeout_s: float | None, metadata: Metadata = ()
    ) -> Any:
        """Open a ModelStreamInfer call. With requests: iterate over it. Without: write, done_writing, and read until EOF."""
        return self._stream(requests, timeout=timeout_s, metadata=tuple(metadata))

    def state(self) -> str:
        """Connectivity of the channel, a word of gRPC such as ready; an idle one begins to connect."""
        return str(self._channel.get_state(try_to_connect=True).name).lower()

    def is_connected(self) -> bool:
        """Whether the connection stands now; False while it is down, being made, or was never needed."""
        return bool(self._channel.get_state() == grpc.ChannelConnectivity.READY)

    async def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        await self._channel.close()


def trailer_of(metadata: object, name: str) -> str:
    """A trailer by name; empty when there is none."""
    pairs = metadata or ()
    return next((str(value) for key, value in pairs if key == name), "")  # type: ignore[attr-defined]  # grpc has no types
