"""docker-compose.yml as its tests read it, and what can be wrong in it: each check is a function that names what it found."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from harness.docs.taken_variables import taken_in
from weir.alerts.settings import AlertsSettings
from weir.drift.quality.settings import QualityServiceSettings
from weir.drift.settings import DriftSettings
from weir.evaluator.settings import EvaluatorSettings
from weir.gateway.settings import GatewaySettings, SpoolSettings
from weir.inference.settings import InferenceSettings
from weir.lineage.settings import LineageSettings
from weir.otlp.settings import OtlpSettings
from weir.otlp.settings import SpoolSettings as OtlpSpoolSettings
from weir.registry.settings import RegistrySettings
from weir.runtime.telemetry.otlp_settings import SERVED

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMPOSE: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]

Service = Mapping[str, Any]

READ_BY: Mapping[str, tuple[type[BaseSettings], ...]] = {
    "registry": (RegistrySettings,),
    "lineage": (LineageSettings,),
    "inference": (InferenceSettings,),
    "gateway": (GatewaySettings,),
    "gateway-drain": (SpoolSettings,),
    "otlp": (OtlpSettings,),
    "otlp-drain": (OtlpSpoolSettings,),
    "drift": (DriftSettings, QualityServiceSettings),
    "evaluator": (EvaluatorSettings,),
    "alerts": (AlertsSettings,),
}
"""Settings objects of the process in each container."""

OUR_TOOLS = ("topics", "cli")
"""Containers of the command line."""

OF_LIBRARIES = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}
"""Variables that libraries read."""

OF_OPENTELEMETRY = {name for name in SERVED if not name.endswith(("_HEADERS", "_CLIENT_KEY"))}
"""Variables of the exporter that are no secret."""

SECRET_WORDS = re.compile(r"(PASSWORD|TOKEN|SECRET|KEY)S?$")
"""How a variable ends that holds a secret itself; one that names a file ends in _FILE."""

ASKED = re.compile(r'\bclient\.(?:get|send|metrics)\(\s*"([a-z_]+)"')
"""A service that a command asks."""

INTERPRETERS = ("python", "java", "kafka-", "clickhouse-client", "clickhouse")
"""Programs too large to be started for each look."""


def known_to(name: str) -> set[str]:
    """Variables that the process of a container reads."""
    if name in OUR_TOOLS:
        return known_to_the_command_line() | OF_LIBRARIES
    return {alias for settings in READ_BY[name] for alias in variables_of(settings)} | OF_LIBRARIES | OF_OPENTELEMETRY


def variables_of(settings: type[BaseSettings]) -> set[str]:
    """Every variable of a settings object."""
    found = set[str]()
    for field in settings.model_fields.values():
        alias = field.validation_alias
        found |= {str(one) for one in alias.choices} if isinstance(alias, AliasChoices) else {str(alias)}
    return found


def known_to_the_command_line() -> set[str]:
    """What it takes from its environment, the address and token of each service that a command asks, and the settings of
    drift, with which a replay computes. A name that it writes for others is not among them.
    """
    texts = [path.read_text() for path in (ROOT / "services" / "weir" / "cli").rglob("*.py")]
    taken = {name for text in texts for name in taken_in(text)}
    asked = {name.upper() for text in texts for name in ASKED.findall(text)}
    of_services = {f"WEIR_{name}_{what}" for name in asked for what in ("URL", "TOKEN")}
    return taken | of_services | variables_of(DriftSettings)


def environment(service: Service) -> dict[str, str]:
    """Variables of a container; empty where the shell's own value is handed on."""
    return {str(name): "" if value is None else str(value) for name, value in service.get("environment", {}).items()}


def unknown_settings(name: str, service: Service) -> set[str]:
    """Variables that nothing in the container reads."""
    return set(environment(service)) - known_to(name)


def host_paths(service: Service) -> dict[str, str]:
    """What a container mounts from the host, by where it sees it."""
    pairs = (str(volume).split(":")[:2] for volume in service.get("volumes", ()))
    return {target: source for source, target in pairs if source.startswith("./")}


def paths_that_nothing_makes(service: Service, made: pathlib.Path) -> set[str]:
    """Mounted paths that are neither in the repository nor among the secrets that the command made in `made`."""
    return {source for source in host_paths(service).values() if not _place(source, made).exists()}


def files_that_are_not_there(service: Service, made: pathlib.Path) -> set[str]:
    """Variables that name a file or folder which the container does not have. made: as above."""
    missing = set[str]()
    for name, value in environment(service).items():
        if not name.endswith(("_FILE", "_DIR")) or not name.startswith("WEIR_"):
            continue
        mounts = [(target, source) for target, source in host_paths(service).items() if value.startswith(target)]
        if not any((_place(source, made) / value[len(target) :].lstrip("/")).exists() for target, source in mounts):
            missing.add(f"{name}={value}")
    return missing


def _place(source: str, made: pathlib.Path) -> pathlib.Path:
    """Where a mounted path is on this machine."""
    inside = source.removeprefix("./secrets/")
    return made / inside if inside != source else ROOT / source


def secrets_in_environment(service: Service) -> set[str]:
    """Variables that hold a secret, which anyone who may look at containers would read."""
    return {
        name
        for name, value in environment(service).items()
        if SECRET_WORDS.search(name) or (urlsplit(value).password if "://" in value else None)
    }


def open_ports(service: Service) -> set[str]:
    """Ports that are published beyond loopback."""
    return {str(port) for port in service.get("ports", ()) if not str(port).startswith("127.0.0.1:")}


def costly_probe(service: Service) -> bool:
    """Whether each look of its own health check starts an interpreter or a large program."""
    words = " ".join(str(word) for word in service.get("healthcheck", {}).get("test", ()))
    return any(re.search(rf"(^|[ /]){re.escape(program)}", words) for program in INTERPRETERS)


def properties_of_the_embedded_broker() -> dict[str, str]:
    """Settings of infra/kafka/server.properties that are no address and no folder, by their variable."""
    lines = (ROOT / "infra" / "kafka" / "server.properties").read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {
        "KAFKA_" + name.upper().replace(".", "_"): value
        for name, value in pairs.items()
        if "$" not in value and not name.startswith("controller.quorum")
    }
