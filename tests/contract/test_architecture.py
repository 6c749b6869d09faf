"""The architecture as laws: layers, purity, docstrings, sizes, declared dependencies."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ROOT / "services" / "weir"
MODULES = sorted(path for path in SERVICES.rglob("*.py"))
SERVICE_NAMES = ("gateway", "otlp", "inference", "drift", "evaluator", "lineage", "alerts", "registry", "cli")
LINES_MAX = 400
"""Lines of a module at most; the generated one is exempt."""

DISTRIBUTIONS = {
    "openlineage": "openlineage-python",
    "re2": "google-re2",
    "clickhouse_connect": "clickhouse-connect",
    "clickhouse_cityhash": "clickhouse-cityhash",
    "confluent_kafka": "confluent-kafka",
    "faust": "faust-streaming",
    "google": "protobuf",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "mode": "faust-streaming",
    "opentelemetry": "opentelemetry-proto",
    "prometheus_client": "prometheus-client",
    "pydantic": "pydantic-settings",
    "pydantic_settings": "pydantic-settings",
    "tritonclient": "tritonclient",
    "uuid_utils": "uuid-utils",
    "yaml": "pyyaml",
}
"""Distribution of each import name that differs from it."""


def test_layers_and_purity_hold() -> None:
    linted = subprocess.run(
        [str(pathlib.Path(sys.executable).with_name("lint-imports"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_every_module_says_what_it_is(path: pathlib.Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))

    assert docstring, f"{path.relative_to(ROOT)} has no docstring; say in one sentence what it is"


def test_no_module_is_too_long_to_hold_in_a_head() -> None:
    long = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in MODULES
        if path.name != "_generated.py" and len(path.read_text().splitlines()) > LINES_MAX
    }

    assert long == {}


def third_party_imports(path: pathlib.Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        for name in names:
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in {"weir", "__future__", "tools"}:
                yield DISTRIBUTIONS.get(top, top)


def declared(extra: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"][extra]]
    return {re.split(r"[\[=<>~! ]", text)[0].lower() for text in wanted}


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_a_service_needs_only_what_its_extra_declares(service: str) -> None:
    needed = {name.lower() for path in (SERVICES / service).rglob("*.py") for name in third_party_imports(path)}

    assert needed - declared(service) == set()


def test_an_undeclared_import_is_found(tmp_path: pathlib.Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("import os\nimport torch\nfrom grpc import aio\n")

    assert set(third_party_imports(module)) == {"torch", "grpcio"}
