"""The channel to Triton: raw bytes out and in, and quick to come back after Triton was away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

SERVICE = "inference.GRPCInferenceService"
"""The gRPC service of the Open Inference Protocol as Triton serves it."""

CONTROL_METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata")
"""Unary methods that ask about the server or a model."""

INFER = "ModelInfer"
STREAM_INFER = "ModelStreamInfer"

RECONNECT_INITIAL_MS = 100
RECONNECT_MAX_MS = 1_000
"""Pauses between tries to reach Triton. Chosen: a restarted server is used again within about a second."""


def message_limits(message_bytes_max: int) -> list[tuple[str, int]]:
    """Channel or server options that bound a message in both directions."""
    return [
        ("grpc.max_receive_message_length", message_bytes_max),
        ("grpc.max_send_message_length", message_bytes_max),
    ]


def channel_options(message_bytes_max: int) -> list[tuple[str, int]]:
    """Options of a channel to Triton: bounded messages, quick reconnects, no retries behind the caller's back."""
    return [
        *message_limits(message_bytes_max),
        ("grpc.initial_reconnect_backoff_ms", RECONNECT_INITIAL_MS),
        ("grpc.min_reconnect_backoff_ms", RECONNECT_MAX_MS),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MAX_MS),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
    ]


@dataclass(frozen=True, slots=True)
class TritonUpstream:
    """One channel to Triton and a raw-bytes callable for each method that is forwarded."""

    address: str
    channel: Any
    unary: dict[str, Any]
    stream: Any

    def is_connected(self) -> bool:
        """Whether the connection stands now; False while it is down, being made, or was never needed."""
        return bool(self.channel.get_state() == grpc.ChannelConnectivity.READY)

    async def close(self) -> None:
        """Cancel what is in flight and close the channel."""
        await self.channel.close()


def connect(address: str, message_bytes_max: int) -> TritonUpstream:
    """The upstream at `address`; connects on first use and by itself again after a loss. Needs a running loop."""
    channel = grpc.aio.insecure_channel(address, options=channel_options(message_bytes_max))
    unary = {name: channel.unary_unary(f"/{SERVICE}/{name}") for name in (*CONTROL_METHODS, INFER)}
    return TritonUpstream(address, channel, unary, channel.stream_stream(f"/{SERVICE}/{STREAM_INFER}"))
