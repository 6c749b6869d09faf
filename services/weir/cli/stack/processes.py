"""The one table of the stack's processes: what runs, in which order, how it is known to be ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weir.cli.stack.kafka_storage import JAVA_LOCALE
from weir.cli.stack.layout import Layout
from weir.cli.stack.ports import HOST

JAVA_MEMORY = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Measured: the broker needs about 400 MB; the first compiler tier saves memory and start-up time."""


@dataclass(frozen=True, slots=True)
class Process:
    """One supervised process."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready_url: str = ""
    """Answers 200 when the process can work; empty: `ready_port` is listened on."""
    ready_port: int = 0
    is_service: bool = False
    """Whether its readiness page names the stack it belongs to."""
    is_held: bool = True
    """Whether it holds a lock while it lives. Not Triton: a killed server's model processes, which only the next server
    ends (`launch.py`), would hold the lock against it."""


TIERS: tuple[tuple[str, ...], ...] = (
    ("kafka", "triton"),
    ("registry",),
    ("lineage", "drift", "evaluator", "alerts", "inference"),
    ("gateway-drain", "otlp-drain"),
    ("gateway", "otlp"),
)
"""Names of the processes, tier by tier in the order in which they are started; they are stopped in the opposite order."""


def processes(
    layout: Layout, ports: Mapping[str, int], environment: Mapping[str, str], receivers_file: Path | None = None
) -> list[Process]:
    """Every process. environment: what all services share. receivers_file: the user's own when None."""
    triton = (
        str(layout.python), str(layout.root / "infra" / "triton" / "launch.py"), "--env", str(layout.models_env),
        "--models", str(layout.root / "infra" / "triton" / "models"), "--corpus-dir", str(layout.corpus),
        "--grpc-port", str(ports["triton_grpc"]), "--http-port", str(ports["triton_http"]),
        "--metrics-port", str(ports["triton_metrics"]),
    )  # fmt: skip
    kafka = (
        "java", *JAVA_MEMORY, f"-Dlog4j2.configurationFile={layout.root / 'infra' / 'kafka' / 'log4j2.properties'}",
        "-cp", f"{layout.jars}/*", "kafka.Kafka", str(layout.run / "kafka.properties"),
    )  # fmt: skip
    ready = f"http://{HOST}:{ports['triton_http']}/v2/health/ready"

    def service(name: str, module: str, own: Mapping[str, str]) -> Process:
        port = ports[name.replace("-", "_")]
        variables = {**environment, "WEIR_HTTP_PORT": str(port), **own}
        command = (str(layout.python), "-m", module)
        return Process(name, command, variables, f"http://{HOST}:{port}/readyz", is_service=True)

    gateway = {
        "WEIR_GATEWAY_GRPC_PORT": str(ports["gateway_grpc"]),
        "WEIR_INFERENCE_ADDRESS": f"{HOST}:{ports['inference_grpc']}",
        "WEIR_GATEWAY_KEYS_FILE": str(layout.keys_file),
        "WEIR_GATEWAY_OPENAI_SERVERS_FILE": str(layout.openai_servers_file),
        "WEIR_GATEWAY_ANONYMOUS_TENANT": "local",
    }
    otlp = {
        "WEIR_OTLP_GRPC_PORT": str(ports["otlp_grpc"]),
        "WEIR_GATEWAY_KEYS_FILE": str(layout.keys_file),
    }
    inference = {
        "WEIR_INFERENCE_GRPC_PORT": str(ports["inference_grpc"]),
        "WEIR_TRITON_ADDRESS": f"{HOST}:{ports['triton_grpc']}",
    }
    receivers = receivers_file or layout.receivers_file
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return [
        Process("kafka", kafka, JAVA_LOCALE, ready_port=ports["kafka"]),
        Process("triton", triton, {}, ready, is_held=False),
        service("registry", "weir.registry", {}),
        service("lineage", "weir.lineage", {"WEIR_LINEAGE_SQL_PORT": str(ports["lineage_sql"])}),
        service("drift", "weir.drift", {"WEIR_DRIFT_REFERENCE_EVENTS": "1000", **one_thread}),
        service("evaluator", "weir.evaluator", {"WEIR_EVALUATOR_ANCHORS_DIR": str(layout.anchors), **one_thread}),
        service("alerts", "weir.alerts", {"WEIR_ALERTS_RECEIVERS_FILE": str(receivers)}),
        service("inference", "weir.inference", inference),
        service("gateway-drain", "weir.gateway.drain", gateway),
        service("otlp-drain", "weir.otlp.drain", otlp),
        service("gateway", "weir.gateway", gateway),
        service("otlp", "weir.otlp", otlp),
    ]
