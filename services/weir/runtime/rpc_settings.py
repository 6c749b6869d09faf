"""Settings of a service with a gRPC listener: the library, and what a peer may make its connections keep or do."""

from __future__ import annotations

from pydantic import Field

from weir.runtime.http2.limits import Http2Limits
from weir.runtime.rpc.library import Library
from weir.runtime.settings import SharedSettings

USUAL = Http2Limits()


class RpcSettings(SharedSettings):
    """The gRPC listener's library, and bounds of one connection. `runtime/http2/limits.py` says why others have no setting."""

    rpc: Library = Field(default="fast", validation_alias="WEIR_RPC")
    """The library that speaks gRPC: ours, or grpc.aio (`reference`), which costs some 0.5 ms more a call and hop. The reference
    is for tests and measurements: one request whose path is no UTF-8 ends its listener (grpcio 1.85.1)."""

    http2_header_bytes_max: int = Field(
        default=USUAL.header_bytes_max, ge=4_096, validation_alias="WEIR_HTTP2_HEADER_BYTES_MAX"
    )
    """Bytes of a call's headers; one with more is refused. Chosen: twice gRPC's default, for long trace states."""

    http2_idle_s: float = Field(default=600.0, gt=0, validation_alias="WEIR_HTTP2_IDLE_S")
    """Seconds after the last call until its connection is closed. Arbitrary; any value from 5 minutes to an hour would do; above
    the pause between the health checks of a load balancer."""

    http2_unfinished_s_max: float = Field(
        default=USUAL.unfinished_s_max, gt=0, validation_alias="WEIR_HTTP2_UNFINISHED_S_MAX"
    )
    """Seconds in which a client must finish what it began: its preface and settings, a frame, a header block. Chosen: what our
    HTTP listeners give for 64 KiB of a body."""

    http2_control_frames_max: int = Field(
        default=USUAL.control_frames_max, ge=100, validation_alias="WEIR_HTTP2_CONTROL_FRAMES_MAX"
    )
    """Frames without content (pings, settings, empty data) of a connection in ten seconds. Chosen: ten times what a busy client
    measures its bandwidth with; a proxy that joins many clients on one connection may need more."""

    http2_resets_max: int = Field(default=USUAL.resets_max, ge=10, validation_alias="WEIR_HTTP2_RESETS_MAX")
    """Calls of a connection that are given up in ten seconds. Chosen: 200 a second that nobody waits for; a proxy that joins many
    clients on one connection may need more."""

    @property
    def http2(self) -> Http2Limits:
        """Bounds of one connection."""
        return Http2Limits(
            header_bytes_max=self.http2_header_bytes_max,
            unfinished_s_max=self.http2_unfinished_s_max,
            control_frames_max=self.http2_control_frames_max,
            resets_max=self.http2_resets_max,
        )
