"""Settings of a gRPC listener: each reaches the limits of its connections, in both services."""

from __future__ import annotations

import pytest

from weir.gateway.settings import GatewaySettings
from weir.inference.settings import InferenceSettings
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.rpc_settings import RpcSettings

SERVICES = [GatewaySettings, InferenceSettings]


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_not_set_is_as_usual(service: type[RpcSettings]) -> None:
    assert service().http2 == Http2Limits()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("name", ["header_bytes_max", "unfinished_s_max", "control_frames_max", "resets_max"])
def test_a_setting_is_a_limit(monkeypatch: pytest.MonkeyPatch, service: type[RpcSettings], name: str) -> None:
    monkeypatch.setenv(f"WEIR_HTTP2_{name.upper()}", "12345")

    assert getattr(service().http2, name) == 12_345


@pytest.mark.parametrize("service", SERVICES)
def test_the_library_and_the_time_of_an_idle_connection_have_one_name_in_both(
    monkeypatch: pytest.MonkeyPatch, service: type[RpcSettings]
) -> None:
    monkeypatch.setenv("WEIR_RPC", "reference")
    monkeypatch.setenv("WEIR_HTTP2_IDLE_S", "7")

    assert (service().rpc, service().http2_idle_s) == ("reference", 7)
