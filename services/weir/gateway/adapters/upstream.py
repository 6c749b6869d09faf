"""The way to the inference service, and what its answers say about themselves."""

from __future__ import annotations

import grpc.aio

from weir.gateway.core.upstream_status import UpstreamStatus, upstream_status
from weir.runtime.oip import CHANNEL_OPTIONS, OipClient

RECONNECT_MS = 500
"""Longest pause between tries to reach a service that is down. Chosen: recovery is felt within a second."""

METADATA_BYTES_MAX = 65_536
"""Metadata of the model server's answer at most. gRPC's own 8 KiB are less than the trace of an error in Python; what is passed
on is cut further. An answer with more is an error of the model server."""


def upstream_at(address: str, *, message_bytes_max: int) -> OipClient:
    """The client of the inference service. message_bytes_max: largest message sent; one received may be twice as large."""
    return OipClient(
        address,
        [
            *CHANNEL_OPTIONS,
            ("grpc.max_receive_message_length", message_bytes_max * 2),
            ("grpc.max_send_message_length", message_bytes_max),
            ("grpc.max_metadata_size", METADATA_BYTES_MAX),
            ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
        ],
    )


def status_of(error: grpc.aio.AioRpcError) -> UpstreamStatus:
    """How the model server ended a call, as it is recorded and passed on."""
    return upstream_status(int(error.code().value[0]), error.details() or "")
