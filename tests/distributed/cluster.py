"""The processes: three brokers, PostgreSQL under the registry, one store, one model server, and two sides of everything else.

A side is a gateway with its drain and its spool, an inference service, a drift and an evaluator, each with a folder of its own.
What the sides share is the log: the partitions of a group are spread over its members and move when one comes or goes.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from harness.kafka.brokers import Brokers
from harness.stack.service_process import ServiceProcess, free_port
from harness.store.postgres import Postgres
from harness.waiting import eventually
from weir.cli.stack.layout import layout, repository
from weir.cli.stack.secrets import ensure_http_token
from weir.cli.stack.topics import create_topics

COPIES = 3
"""Brokers, and copies of each partition; a write is acknowledged when two have it."""

TENANT = "local"
"""Of callers without a key, who come from loopback."""


class Side:
    """One of each: gateway, drain, inference, drift, evaluator."""

    def __init__(self, name: str, folder: Path, shared: Mapping[str, str], triton: str) -> None:
        grpc, inference = free_port(), free_port()
        self.address = f"127.0.0.1:{grpc}"
        """Of the gateway's gRPC listener."""
        own = {
            **shared,
            "WEIR_INSTANCE": name,
            "WEIR_DATA_DIR": str(folder / name),
            "WEIR_INFERENCE_ADDRESS": f"127.0.0.1:{inference}",
            "WEIR_INFERENCE_GRPC_PORT": str(inference),
            "WEIR_TRITON_ADDRESS": triton,
            "WEIR_GATEWAY_GRPC_PORT": str(grpc),
            "WEIR_GATEWAY_ANONYMOUS_TENANT": TENANT,
        }
        self.inference, self.drift, self.evaluator, self.drain, self.gateway = (
            _service(f"{module}-{name}", module, own, folder)
            for module in ("inference", "drift", "evaluator", "gateway.drain", "gateway")
        )

    def come(self) -> None:
        """Start everything, the gateway last, so that it is asked only when it can answer."""
        for process in (self.inference, self.drift, self.evaluator, self.drain):
            process.start()
        for process in (self.inference, self.drift, self.evaluator, self.drain):
            process.until_ready()
        self.gateway.start()
        self.gateway.until_ready()

    def go(self) -> None:
        """Stop everything as an operator does, the gateway first; its drain empties the spool before it goes."""
        self.gateway.kill(signal.SIGTERM)
        eventually(self._is_drained, within_s=60, what="an empty spool")
        for process in (self.drain, self.inference, self.drift, self.evaluator):
            process.kill(signal.SIGTERM)

    def end(self) -> None:
        """End whatever runs."""
        for process in (self.gateway, self.drain, self.inference, self.drift, self.evaluator):
            process.kill()

    def _is_drained(self) -> bool:
        headers = {
            "authorization": f"Bearer {Path(self.drain.environment['WEIR_HTTP_TOKEN_FILE']).read_text().strip()}"
        }
        page = httpx2.get(f"{self.drain.url}/v1/spool", headers=headers, timeout=10).raise_for_status().json()
        return int(page["backlog_bytes"]) == 0


class Cluster:
    """Everything that runs."""

    def __init__(self, folder: Path, brokers: Brokers, postgres: Postgres) -> None:
        place = layout(folder)
        place.make()
        self.brokers = brokers
        self._token_file = ensure_http_token(place.secrets)
        shared = {
            "WEIR_KAFKA_BOOTSTRAP": brokers.bootstrap,
            "WEIR_HTTP_TOKEN_FILE": str(self._token_file),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "2",
            "TZ": "UTC",
        }
        database = {
            "WEIR_REGISTRY_DATABASE_URL": postgres.database().set(password=None).render_as_string(),
            "WEIR_REGISTRY_DATABASE_PASSWORD_FILE": str(postgres.password_file),
            "WEIR_DATA_DIR": str(folder / "one"),
        }
        self.registry = _service("registry", "registry", {**shared, **database}, folder)
        shared["WEIR_REGISTRY_URL"] = self.registry.url
        # Its own relay asks for schema ids as everybody does.
        self.registry.environment = {**self.registry.environment, "WEIR_REGISTRY_URL": self.registry.url}
        self.lineage = _service("lineage", "lineage", {**shared, "WEIR_DATA_DIR": str(folder / "one")}, folder)
        triton = free_port()
        self.triton = _triton(folder, triton)
        self.sides = tuple(Side(name, folder, shared, f"127.0.0.1:{triton}") for name in ("a", "b"))

    @property
    def addresses(self) -> str:
        """Both gateways, as a stock gRPC client takes them."""
        return "ipv4:" + ",".join(side.address for side in self.sides)

    def start(self) -> None:
        """Start what there is one of, and the first side."""
        create_topics(self.brokers.bootstrap, replication=COPIES)
        self.triton.start()
        for process in (self.registry, self.lineage):
            process.start()
            process.until_ready()
        self.triton.until_ready()
        self._apply()
        self.sides[0].come()

    def end(self) -> None:
        """End whatever runs."""
        for side in self.sides:
            side.end()
        for process in (self.lineage, self.registry):
            process.kill()
        self.triton.kill(signal.SIGTERM)

    def sql(self, query: str) -> list[list[Any]]:
        """Rows of a query over the published views."""
        answer = httpx2.post(f"{self.lineage.url}/v1/sql", json={"query": query}, headers=self._headers, timeout=60)
        return list(answer.raise_for_status().json()["rows"])

    def audit(self) -> dict[str, Any]:
        """The store's books over everything."""
        answer = httpx2.get(f"{self.lineage.url}/v1/audit", headers=self._headers, timeout=60)
        return dict(answer.raise_for_status().json())

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token_file.read_text().strip()}"}

    def _apply(self) -> None:
        corpus = repository() / ".weir" / "corpus" / "corpus-current.json"
        command = [sys.executable, "-m", "weir.cli", "apply", "-f", str(repository() / "examples" / "registry")]
        done = subprocess.run(
            [*command, "--set-from", f"corpus={corpus}", "--author", "tests"],
            env={
                "WEIR_REGISTRY_URL": self.registry.url,
                "WEIR_HTTP_TOKEN_FILE": str(self._token_file),
                "PATH": "/usr/bin:/bin",
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """A started cluster with its first side; everything ends with the block."""
    with Postgres() as postgres, Brokers(COPIES) as brokers:
        cluster = Cluster(folder, brokers, postgres)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.end()


def _service(name: str, module: str, environment: Mapping[str, str], folder: Path) -> ServiceProcess:
    return ServiceProcess(name, [sys.executable, "-m", f"weir.{module}"], environment, folder / f"{name}.log")


def _triton(folder: Path, grpc_port: int) -> ServiceProcess:
    place, http_port = layout(folder), free_port()
    command = [
        sys.executable, str(repository() / "infra" / "triton" / "launch.py"), "--env", str(place.models_env),
        "--models", str(repository() / "infra" / "triton" / "models"), "--corpus-dir", str(place.corpus),
        "--grpc-port", str(grpc_port), "--http-port", str(http_port), "--metrics-port", str(free_port()),
    ]  # fmt: skip
    return ServiceProcess("triton", command, {}, folder / "triton.log", health_path="/v2/health/ready", port=http_port)
