"""Options of the channels to Triton: bounded messages, and quick to come back after Triton was away."""

from __future__ import annotations

from weir.runtime.rpc.channel import ChannelOptions
from weir.runtime.tls.certificates import Certificates

RECONNECT_S = 1.0
"""Pause between tries to reach Triton, after the first. Chosen: a restarted server is used again within about a second."""


def channel_options(message_bytes_max: int, certificates: Certificates | None = None) -> ChannelOptions:
    """Options of a channel to Triton. certificates: of TLS, where it speaks it."""
    return ChannelOptions(
        message_bytes_max=message_bytes_max,
        request_bytes_max=message_bytes_max,
        reconnect_s=RECONNECT_S,
        certificates=certificates,
    )
