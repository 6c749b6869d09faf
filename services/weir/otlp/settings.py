"""Settings of the OTLP receiver and of its drain. The listeners bind to loopback unless set otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from weir.access.request_id_secret import secret_path
from weir.capture.settings import CaptureSettings
from weir.runtime.errors import BadSetting
from weir.runtime.http.policy import Policy, policy_of
from weir.runtime.loopback import is_loopback
from weir.runtime.rpc_settings import RpcSettings
from weir.runtime.settings import variables_of
from weir.runtime.tls.certificates import HTTP_1
from weir.runtime.tls_settings import ListenerTlsSettings

BODY_TYPES = frozenset({"application/x-protobuf", "application/protobuf"})
"""Content types of OTLP over HTTP beside JSON (OTLP specification 1.5)."""

ENCODINGS = frozenset({"gzip"})
"""Content encodings that the specification asks a server to take."""


class SpoolSettings(CaptureSettings, alias_generator=variables_of("WEIR_OTLP_")):
    """Where the receiver's spool is."""

    @property
    def spool_dir(self) -> Path:
        """Folder of the segments."""
        return self.data_dir / "otlp" / f"spool-{self.instance}"


class OtlpSettings(SpoolSettings, RpcSettings, ListenerTlsSettings, alias_generator=variables_of("WEIR_OTLP_")):
    """Listeners, keys and limits."""

    grpc_host: str = "127.0.0.1"
    """Address of the gRPC listener."""

    grpc_port: int = 4317
    """Port of the gRPC listener; OTLP's own default."""

    tls_http: bool = False
    """Whether the HTTP listener speaks TLS too, with the same files; its health page and metrics are then asked by https."""

    keys_file: Path | None = Field(default=None, validation_alias="WEIR_GATEWAY_KEYS_FILE")
    """JSON file of hashed API keys, the gateway's own; a key needs the scope `otlp`. Without it nobody may report."""

    request_id_secret_file: Path | None = Field(default=None, validation_alias="WEIR_GATEWAY_REQUEST_ID_SECRET_FILE")
    """The gateway's own file of the secret behind its request ids: a reported call whose answer has such an id was recorded by
    the gateway. Made when it is not there. Default: `gateway/request-id.secret` in the data folder."""

    durability: Literal["process", "fsync"] = "process"
    """What an acknowledged span survives: the death of the process, or of the machine (a shared fdatasync a request)."""

    request_bytes_max: int = Field(default=4_194_304, ge=1_024)
    """Bytes of a request, compressed and inflated. Chosen: eight times a usual batch of 512 spans of 1 KB, and what gRPC takes
    unless set otherwise."""

    spans_max: int = Field(default=8_192, ge=1)
    """Spans, resources and scopes of one request; those after them are refused. Chosen: the largest batch that a stock collector
    sends unless set otherwise."""

    requests_at_once_max: int = Field(default=64, ge=2)
    """Requests in hand; one more is refused before its body is read. One tenant may have two for each free one. Chosen: with
    requests of 4 MiB they fill bytes_in_hand_max."""

    bytes_in_hand_max: int = Field(default=268_435_456, ge=65_536)
    """Bytes of requests in hand, as they came and inflated. Chosen: as the gateway's."""

    request_read_s: float = Field(default=20.0, gt=0)
    """Seconds in which the message of a gRPC call must have come. Chosen: as the gateway's."""

    age_s_max: float = Field(default=604_800.0, gt=0, le=31_536_000)
    """Seconds since a span began or ended, at most. Chosen: a week of an exporter that could not send. Older ones would also
    spread one insert over many monthly partitions of the store."""

    ahead_s_max: float = Field(default=300.0, ge=0, le=86_400)
    """Seconds that a span's times may be ahead of our clock. Chosen: what a clock without NTP is off; more would close windows of
    drift early."""

    leave_s: float = Field(default=0.5, ge=0, le=8)
    """Seconds between a stop and taking no more calls. Arbitrary; any value from 0 to 2 would do: exporters try again."""

    @property
    def request_id_secret(self) -> Path:
        """Where the gateway's secret of request ids is."""
        return secret_path(self.request_id_secret_file, self.data_dir)

    def http_policy(self) -> Policy:
        """The HTTP listener, whose route asks for API keys. Raises BadSetting."""
        policy = policy_of(self, self.request_bytes_max, has_own_keys=True)
        certificates = self.listener_certificates(HTTP_1) if self.tls_http else None
        return replace(policy, certificates=certificates, body_types=BODY_TYPES, encodings=ENCODINGS)

    def refuse_open_listeners(self) -> None:
        """Raises BadSetting for listeners beyond loopback where there are no keys: they would refuse everybody."""
        for name, host in (("WEIR_OTLP_GRPC_HOST", self.grpc_host), ("WEIR_HTTP_HOST", self.http_host)):
            if not is_loopback(host) and self.keys_file is None:
                raise BadSetting(
                    f"{name}={host} is not loopback and WEIR_GATEWAY_KEYS_FILE is not set; make keys: weir keys create"
                )
