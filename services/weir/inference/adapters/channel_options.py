"""Options of the channels to Triton: bounded messages, and quick to come back after Triton was away."""

from __future__ import annotations

from weir.runtime.oip import CHANNEL_OPTIONS, Option

RECONNECT_MS = 1_000
"""Pause between tries to reach Triton, after the first. Chosen: a restarted server is used again within about a second."""


def message_limits(message_bytes_max: int) -> list[Option]:
    """Channel or server options that bound a message in both directions."""
    return [
        ("grpc.max_receive_message_length", message_bytes_max),
        ("grpc.max_send_message_length", message_bytes_max),
    ]


def channel_options(message_bytes_max: int) -> list[Option]:
    """Options of a channel to Triton: those of every channel, and no retries behind the caller's back."""
    return [
        *CHANNEL_OPTIONS,
        *message_limits(message_bytes_max),
        ("grpc.min_reconnect_backoff_ms", RECONNECT_MS),
        ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
        ("grpc.enable_retries", 0),
    ]
