"""Settings of the gateway. Every bound has its reason; the doors bind to loopback unless told otherwise."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import Field

from weir.gateway.spool_settings import SpoolSettings
from weir.runtime.errors import BadSetting

OnFull = Literal["shed", "reject"]


class GatewaySettings(SpoolSettings):
    """Doors, upstream, keys and limits."""

    grpc_host: str = Field(default="127.0.0.1", validation_alias="WEIR_GATEWAY_GRPC_HOST")
    """Address of the gRPC door."""

    grpc_port: int = Field(default=8001, validation_alias="WEIR_GATEWAY_GRPC_PORT")
    """Port of the gRPC door; Triton's own default, so that a client changes the host alone."""

    inference_address: str = Field(default="127.0.0.1:8002", validation_alias="WEIR_INFERENCE_ADDRESS")
    """host:port of the inference service."""

    keys_file: Path | None = Field(default=None, validation_alias="WEIR_GATEWAY_KEYS_FILE")
    """JSON file of hashed API keys (`weir keys create`)."""

    anonymous_tenant: str = Field(default="", validation_alias="WEIR_GATEWAY_ANONYMOUS_TENANT")
    """Tenant of loopback callers without a key; empty refuses them. The embedded stack sets it, production does not."""

    on_full: OnFull = Field(default="reject", validation_alias="WEIR_GATEWAY_ON_FULL")
    """When the spool takes nothing: reject the call, or shed the event (a gap record says so) and go on. Chosen."""

    on_full_by_tenant: dict[str, OnFull] = Field(default={}, validation_alias="WEIR_GATEWAY_ON_FULL_BY_TENANT")
    """The same for single tenants, as JSON: {"tenant": "shed"}."""

    durability: Literal["process", "fsync"] = Field(default="process", validation_alias="WEIR_GATEWAY_DURABILITY")
    """What an acknowledged call survives: the death of the process, or of the machine (a shared fdatasync a call)."""

    oip_parameters_allowed: frozenset[str] = Field(
        default=frozenset(), validation_alias="WEIR_GATEWAY_OIP_PARAMETERS_ALLOWED"
    )
    """Request parameters of the Open Inference Protocol that callers may set, as a JSON list, beside those that stock
    streaming needs: for example ["priority"]. Parameters of shared memory are never allowed."""

    message_bytes_max: int = Field(default=8_388_608, validation_alias="WEIR_GATEWAY_MESSAGE_BYTES_MAX")
    """Largest gRPC message and HTTP body. Chosen: far above any prompt, far below what hurts Triton."""

    calls_at_once_max: int = Field(default=256, validation_alias="WEIR_GATEWAY_CALLS_AT_ONCE_MAX")
    """Calls in hand; one more is refused before it queues. Chosen."""

    stream_calls_max: int = Field(default=128, validation_alias="WEIR_GATEWAY_STREAM_CALLS_MAX")
    """Open requests on one gRPC stream. Chosen."""

    calls_per_minute_key: int = Field(default=60_000, validation_alias="WEIR_GATEWAY_CALLS_PER_MINUTE_KEY")
    """Calls a minute for one key. Chosen: generous, a guard against loops."""

    calls_per_minute_tenant: int = Field(default=120_000, validation_alias="WEIR_GATEWAY_CALLS_PER_MINUTE_TENANT")
    """Calls a minute for one tenant over all its keys. Chosen."""

    timeout_s: float = Field(default=120.0, validation_alias="WEIR_GATEWAY_TIMEOUT_S")
    """Seconds for a call whose client set no deadline. Chosen."""

    leave_s: float = Field(default=2.0, ge=0, le=8, validation_alias="WEIR_GATEWAY_LEAVE_S")
    """Seconds between telling gRPC's health watchers NOT_SERVING and taking no more calls. Measured: without them, 5 of
    775 calls that met a stopping gateway were cancelled."""

    write_timeout_s: float = Field(default=30.0, gt=0, validation_alias="WEIR_GATEWAY_WRITE_TIMEOUT_S")
    """Seconds in which the client of a stream must take more of it, else it is cut. Chosen: a phone in a tunnel."""

    texts_per_call_max: int = Field(default=256, validation_alias="WEIR_GATEWAY_TEXTS_PER_CALL_MAX")
    """Texts of one embeddings request. Chosen: eight model batches."""

    request_id_secret_file: Path | None = Field(default=None, validation_alias="WEIR_GATEWAY_REQUEST_ID_SECRET_FILE")
    """File of the secret by which request ids prove that they were issued here; made when it is not there. Gateways that
    serve the same tenants share it. Default: `gateway/request-id.secret` in the data folder."""

    @property
    def request_id_secret(self) -> Path:
        """Where the secret of request ids is."""
        return self.request_id_secret_file or self.data_dir / "gateway" / "request-id.secret"

    @property
    def catalog_file(self) -> Path:
        """Snapshot of the catalog."""
        return self.data_dir / "gateway" / f"catalog-{self.instance}.json"

    def refuse_open_doors(self) -> None:
        """Raises BadSetting for a combination that would serve strangers."""
        for name, host in (("WEIR_GATEWAY_GRPC_HOST", self.grpc_host), ("WEIR_HTTP_HOST", self.http_host)):
            if _is_loopback(host):
                continue
            if self.anonymous_tenant:
                raise BadSetting(
                    f"{name}={host} is not loopback while WEIR_GATEWAY_ANONYMOUS_TENANT is set; unset one of them"
                )
            if self.keys_file is None:
                raise BadSetting(
                    f"{name}={host} is not loopback and WEIR_GATEWAY_KEYS_FILE is not set; make keys: weir keys create"
                )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
