"""Settings of TLS: a part without its other part is refused by its name, before anything listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.tls import authority
from weir.gateway.settings import GatewaySettings
from weir.inference.settings import InferenceSettings
from weir.runtime.errors import BadSetting
from weir.runtime.tls_settings import TlsSettings

SERVICES: dict[str, type[TlsSettings]] = {"WEIR_GATEWAY": GatewaySettings, "WEIR_INFERENCE": InferenceSettings}


@pytest.mark.parametrize("prefix", SERVICES)
@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"),
        ("TLS_KEY_FILE", "TLS_CERTIFICATE_FILE"),
        ("TLS_CLIENT_CA_FILE", "TLS_CERTIFICATE_FILE"),
        ("UPSTREAM_CERTIFICATE_FILE", "UPSTREAM_KEY_FILE"),
        ("UPSTREAM_KEY_FILE", "UPSTREAM_CERTIFICATE_FILE"),
    ],
)
def test_a_part_without_its_other_part_is_named(prefix: str, given: str, missing: str) -> None:
    settings = SERVICES[prefix].model_validate({f"{prefix}_{given}": "/nowhere.pem"})

    with pytest.raises(BadSetting, match=f"{prefix}_{given} is set and {prefix}_{missing} is not"):
        both(settings)


def test_a_certificate_for_a_server_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    certificate, key = authority(tmp_path).sign(tmp_path, "client")
    settings = GatewaySettings.model_validate(
        {"WEIR_GATEWAY_UPSTREAM_CERTIFICATE_FILE": certificate, "WEIR_GATEWAY_UPSTREAM_KEY_FILE": key}
    )

    with pytest.raises(BadSetting, match="WEIR_GATEWAY_UPSTREAM_CA_FILE is not"):
        both(settings)


def test_nothing_set_is_no_tls() -> None:
    assert both(GatewaySettings()) == (None, None)


def both(settings: TlsSettings) -> tuple[object, object]:
    """What a service reads at its start."""
    return settings.listener_certificates(), settings.upstream_certificates()
