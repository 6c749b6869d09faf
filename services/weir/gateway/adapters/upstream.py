"""The way to the inference service: one gRPC channel, messages as bytes, nothing decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio

from weir.gateway.core.upstream_status import UpstreamStatus, upstream_status

SERVICE = "inference.GRPCInferenceService"

RECONNECT_MS = 500
"""Longest pause between tries to reach a service that is down. Chosen: recovery is felt within a second."""

METADATA_BYTES_MAX = 65_536
"""Metadata of the model server's answer at most. gRPC's own 8 KiB are less than the trace of an error in Python; what is told
on is cut further. An answer with more is an error of the model server."""

Metadata = Sequence[tuple[str, str]]


class Upstream:
    """Calls of the Open Inference Protocol as raw bytes."""

    def __init__(self, address: str, *, message_bytes_max: int) -> None:
        """address: host:port. message_bytes_max: largest message received."""
        self.address = address
        self._channel = grpc.aio.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", message_bytes_max * 2),
                ("grpc.max_send_message_length", message_bytes_max),
                ("grpc.max_metadata_size", METADATA_BYTES_MAX),
                ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.enable_http_proxy", 0),
            ],
        )
        self._unary = {name: self._channel.unary_unary(f"/{SERVICE}/{name}") for name in UNARY_METHODS}
        self._stream = self._channel.stream_stream(f"/{SERVICE}/ModelStreamInfer")

    def unary(self, method: str, message: bytes, *, timeout_s: float, metadata: Metadata) -> Any:
        """Start a unary call; await it for the response bytes. Raises grpc.aio.AioRpcError when awaited."""
        return self._unary[method](message, timeout=timeout_s, metadata=tuple(metadata))

    def stream(self, *, timeout_s: float | None, metadata: Metadata) -> Any:
        """Open a ModelStreamInfer call: write, done_writing, read until grpc.aio.EOF, code, details."""
        return self._stream(timeout=timeout_s, metadata=tuple(metadata))

    def state(self) -> str:
        """Connectivity of the channel, a word of gRPC such as ready."""
        return str(self._channel.get_state(try_to_connect=True).name).lower()

    async def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        await self._channel.close()


def status_of(error: grpc.aio.AioRpcError) -> UpstreamStatus:
    """How the model server ended a call, as it is recorded and told on."""
    return upstream_status(int(error.code().value[0]), error.details() or "")


UNARY_METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
"""Unary RPCs that are forwarded. The rest of Triton's service governs the server and is not reachable through here."""
