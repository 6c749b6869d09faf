"""Options of the channels to Triton: bounded messages, and quick to come back after Triton was away."""

from __future__ import annotations

from weir.runtime.rpc.channel import ChannelOptions

RECONNECT_S = 1.0
"""Pause between tries to reach Triton, after the first. Chosen: a restarted server is used again within about a second."""


def channel_options(message_bytes_max: int) -> ChannelOptions:
    """Options of a channel to Triton."""
    return ChannelOptions(
        message_bytes_max=message_bytes_max, request_bytes_max=message_bytes_max, reconnect_s=RECONNECT_S
    )
