"""Settings of the gateway. Every bound has its reason; the listeners bind to loopback unless set otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from weir.access.caller_limits import NAMES, CallerLimits, parse_limits
from weir.access.request_id_secret import secret_path
from weir.capture.settings import CaptureSettings
from weir.runtime.errors import BadSetting
from weir.runtime.http.policy import Policy, policy_of
from weir.runtime.loopback import is_loopback
from weir.runtime.rpc_settings import RpcSettings
from weir.runtime.settings import variables_of
from weir.runtime.tls.certificates import HTTP_1
from weir.runtime.tls_settings import TlsSettings

BODY_SPARE_BYTES = 1_048_576
"""Bytes by which a body may pass the limit and still be refused by the gateway, as a call with an end; one far larger is
refused at the OpenAI API. Arbitrary; any value from 64 KiB to 8 MiB would do: it decides only who says that."""

OnFull = Literal["shed", "reject"]


class SpoolSettings(CaptureSettings, alias_generator=variables_of("WEIR_GATEWAY_")):
    """Where the gateway's spool is, and how much of a call it keeps."""

    capture_bytes_max: int = Field(default=2_097_152, ge=1_024)
    """Wire bytes kept of one call; a larger call keeps its facts and loses its texts, marked truncated. Arbitrary;
    any value from 256 KiB, which hold a text of text_chars_max, to 4 MiB would do."""

    @property
    def spool_dir(self) -> Path:
        """Folder of the segments."""
        return self.data_dir / "gateway" / f"spool-{self.instance}"


class GatewaySettings(SpoolSettings, RpcSettings, TlsSettings, alias_generator=variables_of("WEIR_GATEWAY_")):
    """Listeners, upstream, keys and limits."""

    grpc_host: str = "127.0.0.1"
    """Address of the gRPC listener."""

    grpc_port: int = 8001
    """Port of the gRPC listener; Triton's own default, so that a client changes the host alone."""

    tls_http: bool = False
    """Whether the OpenAI listener speaks TLS too, with the same files; its health page and metrics are then asked by https."""

    inference_address: str = Field(default="127.0.0.1:8002", validation_alias="WEIR_INFERENCE_ADDRESS")
    """host:port of the inference service."""

    keys_file: Path | None = None
    """JSON file of hashed API keys (`weir keys create`)."""

    openai_servers_file: Path | None = None
    """JSON file of the OpenAI servers that this gateway may ask, with their keys (docs/upstream-openai.md). Without it, none."""

    anonymous_tenant: str = ""
    """Tenant of loopback callers without a key; empty refuses them. The embedded stack sets it, production does not."""

    on_full: OnFull = "reject"
    """When the spool takes nothing: reject the call, or shed the event (a gap record says so) and go on.
    Reject unless set otherwise: an answer without a record is what the gateway is there to prevent."""

    on_full_by_tenant: dict[str, OnFull] = {}
    """The same for single tenants, as JSON: {"tenant": "shed"}."""

    durability: Literal["process", "fsync"] = "process"
    """What an acknowledged call survives: the death of the process, or of the machine (a shared fdatasync a call)."""

    oip_parameters_allowed: frozenset[str] = frozenset()
    """Request parameters of the Open Inference Protocol that callers may set, as a JSON list, beside those that stock
    streaming needs: for example ["priority"]. Parameters of shared memory are never allowed."""

    metric_routes_max: int = Field(default=100, ge=1)
    """Pairs of route and model that have labels of their own in the metrics; calls of any other are counted under `other`.
    Arbitrary: some 15 series for each pair and protocol in use; any value from 10 to 1,000 would do."""

    message_bytes_max: int = 8_388_608
    """Largest gRPC message and HTTP body. Chosen: far above any prompt, far below what hurts Triton."""

    calls_at_once_max: int = Field(default=256, ge=1)
    """Calls in flight; one more is refused before it queues. One tenant may have two for each free one.
    So many calls of 1 MiB fill bytes_in_hand_max."""

    calls_at_once_tenant: int = Field(default=256, ge=1)
    """Calls in flight of one tenant. Chosen: as for all, because the rule of free slots keeps room
    for others."""

    calls_at_once_key: int = Field(default=256, ge=1)
    """Calls in flight of one key. Chosen: as for its tenant, which usually has one key."""

    streams_at_once_max: int = Field(default=256, ge=1)
    """Open gRPC streams; one tenant may have two for each free one. An idle one holds no slot of a call. As
    many as calls."""

    streams_at_once_tenant: int = Field(default=128, ge=1)
    """Open gRPC streams of one tenant. Chosen: half of all, so that others find room."""

    streams_at_once_key: int = Field(default=128, ge=1)
    """Open gRPC streams of one key. Chosen: as for its tenant, which usually has one key."""

    stream_calls_max: int = Field(default=128, ge=1)
    """Open requests on one gRPC stream: half of the calls in flight, so that one stream does not hold all slots."""

    stream_idle_s: float = Field(default=300.0, gt=0)
    """Seconds a gRPC stream may last on which nothing is asked and nothing is answered. Arbitrary: any
    value from 60 to 3,600 would do; a person may think for some minutes."""

    request_read_s: float = Field(default=20.0, gt=0)
    """Seconds in which the message or body of a call must have come. Chosen: 8 MiB over 4 Mbit/s."""

    lookups_at_once_max: int = Field(default=64, ge=1)
    """Questions about models and the server in flight, apart from calls. Chosen: as many as the inference service takes."""

    health_watches_max: int = Field(default=128, ge=2)
    """Open health watches, two thirds of them from one host; they need no key. Chosen: one for each client process."""

    bytes_in_hand_max: int = Field(default=268_435_456, ge=65_536)
    """Bytes of requests and kept answers in flight; one tenant may have two for each free one. Chosen: 32 largest messages."""

    bytes_in_hand_tenant: int = Field(default=134_217_728, ge=1)
    """The same of one tenant. Chosen: half, so that others find room."""

    bytes_in_hand_key: int = Field(default=134_217_728, ge=1)
    """The same of one key. Chosen: as for its tenant, which usually has one key."""

    calls_per_minute_key: int = Field(default=60_000, ge=1)
    """Calls a minute for one key. Chosen: generous, a guard against loops."""

    calls_per_minute_tenant: int = Field(default=120_000, ge=1)
    """Calls a minute for one tenant over all its keys: two keys at their limit."""

    tokens_per_minute_key: int | None = Field(default=None, ge=1)
    """Tokens a minute, asked and answered, for one key; a token is counted as four bytes. Not limited unless set."""

    tokens_per_minute_tenant: int | None = Field(default=None, ge=1)
    """The same for one tenant over all its keys."""

    limits_by_tenant: dict[str, dict[str, int]] = {}
    """Limits of single tenants, as JSON: {"tenant": {"calls_at_once": 8}}; names as in `core/caller_limits.py`."""

    refusals_recorded_per_minute: int = Field(default=600, ge=1)
    """Records a minute of refused calls of one tenant; all strangers are one. Above it they are counted alone.
    Arbitrary; any value from 60 to 6,000 would do: ten small records a second show who is refused and why."""

    timeout_s: float = 120.0
    """Seconds for a call whose client set no deadline. Arbitrary; any value from 60 to 600 would do: a long answer takes a
    minute."""

    leave_s: float = Field(default=2.0, ge=0, le=8)
    """Seconds between telling gRPC's health watchers NOT_SERVING and taking no more calls. Measured: without them, 5 of
    775 calls that met a stopping gateway were cancelled."""

    write_timeout_s: float = Field(default=30.0, gt=0)
    """Seconds in which a client must take more of its answer, else it is cut (a unary gRPC call is held). Chosen: a phone in
    a tunnel."""

    texts_per_call_max: int = 256
    """Texts of one embeddings request. Chosen: eight model batches."""

    request_id_secret_file: Path | None = None
    """File of the secret by which request ids prove that they were issued here; made when it is not there. Gateways that
    serve the same tenants share it. Default: `gateway/request-id.secret` in the data folder."""

    @property
    def request_id_secret(self) -> Path:
        """Where the secret of request ids is."""
        return secret_path(self.request_id_secret_file, self.data_dir)

    @property
    def limits_of_key(self) -> CallerLimits:
        """Limits of a key of which the keys file says nothing."""
        return CallerLimits(**{name: getattr(self, f"{name}_key") for name in NAMES})

    @property
    def limits_of_tenant(self) -> CallerLimits:
        """Limits of a tenant of which WEIR_GATEWAY_LIMITS_BY_TENANT says nothing."""
        return CallerLimits(**{name: getattr(self, f"{name}_tenant") for name in NAMES})

    def parsed_limits_by_tenant(self) -> dict[str, CallerLimits]:
        """Limits of single tenants. Raises BadSetting naming the tenant and what is wrong."""
        try:
            return {
                tenant: parse_limits(limits, tenant).over(self.limits_of_tenant)
                for tenant, limits in self.limits_by_tenant.items()
            }
        except ValueError as error:
            raise BadSetting(f"WEIR_GATEWAY_LIMITS_BY_TENANT: {error}") from error

    @property
    def catalog_file(self) -> Path:
        """Snapshot of the catalog."""
        return self.data_dir / "gateway" / f"catalog-{self.instance}.json"

    def http_policy(self) -> Policy:
        """The OpenAI API of the gateway, whose routes ask for API keys. Raises BadSetting."""
        policy = policy_of(self, self.message_bytes_max + BODY_SPARE_BYTES, has_own_keys=True)
        certificates = self.listener_certificates(HTTP_1) if self.tls_http else None
        return replace(policy, limits=replace(policy.limits, write_s=self.write_timeout_s), certificates=certificates)

    def refuse_open_listeners(self) -> None:
        """Raises BadSetting for a combination that would serve strangers."""
        for name, host in (("WEIR_GATEWAY_GRPC_HOST", self.grpc_host), ("WEIR_HTTP_HOST", self.http_host)):
            if is_loopback(host):
                continue
            if self.anonymous_tenant:
                raise BadSetting(
                    f"{name}={host} is not loopback while WEIR_GATEWAY_ANONYMOUS_TENANT is set; unset one of them"
                )
            if self.keys_file is None:
                raise BadSetting(
                    f"{name}={host} is not loopback and WEIR_GATEWAY_KEYS_FILE is not set; make keys: weir keys create"
                )
