"""The production shape says what the code reads: entry points, settings, health checks. The containers are not run here."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Mapping[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "SERVICE" in service.get("build", {}).get("args", {})}
SETTINGS = {
    name
    for path in (ROOT / "services" / "weir").rglob("*.py")
    for name in re.findall(r'"(WEIR_[A-Z_]+)"', path.read_text())
}


def unknown_settings(service: Mapping[str, Any]) -> set[str]:
    return {name for name in service.get("environment", {}) if name.startswith("WEIR_")} - SETTINGS


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_service_has_its_entry_point_and_only_settings_that_are_read(name: str) -> None:
    service = OURS[name]
    package = service["build"]["args"]["SERVICE"]

    assert (ROOT / "services" / "weir" / package / "__main__.py").exists()
    assert unknown_settings(service) == set()


def test_a_setting_that_nothing_reads_is_found() -> None:
    assert unknown_settings({"environment": {"WEIR_GATEWAY_COLOUR": "red", "WEIR_KAFKA_BOOTSTRAP": "x"}}) == {
        "WEIR_GATEWAY_COLOUR"
    }


def test_every_service_of_the_embedded_stack_is_there() -> None:
    assert set(OURS) - {"topics"} == {
        "registry", "lineage", "inference", "gateway", "gateway-drain", "drift", "evaluator", "alerts",
    }  # fmt: skip


def test_nothing_is_published_beyond_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert published
    assert all(str(port).startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", sorted(set(OURS) - {"topics"}))
def test_every_service_has_the_token_of_the_http_door_and_its_own_name(name: str) -> None:
    service = OURS[name]

    assert service["environment"]["WEIR_HTTP_TOKEN_FILE"] == "/run/secrets/http-token"
    assert "http-token" in service["secrets"]
    assert name in service["environment"]["WEIR_HTTP_HOSTS"].split(",")


@pytest.mark.parametrize("file", ["service.Dockerfile", "triton.Dockerfile"])
def test_every_image_has_a_health_check(file: str) -> None:
    assert "HEALTHCHECK" in (ROOT / "infra" / "docker" / file).read_text()
