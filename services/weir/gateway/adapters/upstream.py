"""The way to the inference service, and what its answers say about themselves."""

from __future__ import annotations

import grpc.aio

from weir.gateway.core.upstream_status import UpstreamStatus, upstream_status
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.oip import OipClient
from weir.runtime.rpc.channel import ChannelOptions
from weir.runtime.rpc.library import Library
from weir.runtime.tls.certificates import Certificates

RECONNECT_S = 0.5
"""Seconds: longest pause between tries to reach a service that is down. Chosen: recovery is felt within a second."""

METADATA_BYTES_MAX = 65_536
"""Metadata of the model server's answer at most. gRPC's own 8 KiB are less than the trace of an error in Python; what is passed
on is cut further. An answer with more is an error of the model server."""


def upstream_at(
    address: str, *, message_bytes_max: int, library: Library, certificates: Certificates | None = None
) -> OipClient:
    """The client of the inference service. message_bytes_max: largest message sent; one received may be twice as large."""
    options = ChannelOptions(
        http2=Http2Limits(header_bytes_max=METADATA_BYTES_MAX),
        message_bytes_max=message_bytes_max * 2,
        request_bytes_max=message_bytes_max,
        reconnect_s=RECONNECT_S,
        certificates=certificates,
    )
    return OipClient(address, options, library)


def status_of(error: grpc.aio.AioRpcError) -> UpstreamStatus:
    """How the model server ended a call, as it is recorded and passed on."""
    return upstream_status(int(error.code().value[0]), error.details() or "")
