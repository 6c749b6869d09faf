"""A Triton that serves the `echo` model, and Weir's own inference service, gateways and drains in front of it.

They belong to a running stack (its Kafka and registry) and listen on free loopback ports; everything ends with the block.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from harness.stack.running_stack import RunningStack
from weir.cli.stack import Stack
from weir.cli.stack.layout import repository

READY_S = 60.0
"""Seconds a process may take to be ready. Arbitrary: any value from 20 to 300 would do; it takes a few."""
STOP_S = 20.0
"""Seconds a process may take to stop: what the supervisor gives it."""
MODELS = Path(__file__).parent / "models"
DEFINITION = {
    "kind": "model",
    "name": "echo",
    "version": "1",
    "aliases": ["prod"],
    "spec": {
        "task": "chat",
        "unary_model": "echo",
        "stream_model": None,
        "input": "text_input",
        "card": {"description": "Gives its text back.", "kind": "echo", "license": "Apache-2.0"},
    },
}


@dataclass(frozen=True, slots=True)
class Upstream:
    """host:port of Triton with the echo model, by gRPC and by HTTP, and of the inference service before it."""

    triton: str
    triton_http: str
    inference: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway and its drain: gRPC address, URLs of the two pages, its process, and the drain's where it has one."""

    address: str
    page: str
    drain_page: str
    process: subprocess.Popen[bytes]
    drain: subprocess.Popen[bytes] | None
    authorization: dict[str, str]
    """Headers that its drain's page asks for."""

    def cpu_s(self) -> float:
        """CPU time that the gateway has used, seconds."""
        return _cpu_s(self.process)

    def drain_cpu_s(self) -> float:
        """CPU time that its drain has used, seconds; 0 without one."""
        return _cpu_s(self.drain) if self.drain is not None else 0.0

    def freeze(self) -> None:
        """Stop its drain, so that what is spooled stays."""
        if self.drain is not None:
            self.drain.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let its drain go on."""
        if self.drain is not None:
            self.drain.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def echo_upstream(stack: Stack) -> Iterator[Upstream]:
    """Triton and inference for the length of the block, and the route that leads to them."""
    ports = {name: free_port() for name in ("grpc", "http", "metrics")}
    launch = [str(repository() / "infra" / "triton" / "launch.py"), "--env", str(stack.layout.models_env)]
    launch += ["--models", str(MODELS), "--corpus-dir", str(stack.layout.corpus)]
    for name in ("grpc", "http", "metrics"):
        launch += [f"--{name}-port", str(ports[name])]
    body = {"documents": [DEFINITION], "author": "bench", "dry_run": False}
    url, headers = f"{stack.endpoints.registry_url}/v1/apply", RunningStack(stack.layout.home).authorization
    httpx2.post(url, json=body, headers=headers).raise_for_status()
    triton = f"127.0.0.1:{ports['grpc']}"
    with _process(launch, dict(os.environ)), inference(stack, triton, "bench") as address:
        triton_http = f"127.0.0.1:{ports['http']}"
        _until(f"http://{triton_http}/v2/health/ready", "")
        yield Upstream(triton, triton_http, address)


@contextlib.contextmanager
def inference(stack: Stack, triton: str, instance: str, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """An inference service before a Triton for the length of the block: its host:port. settings: more variables."""
    ports = {name: free_port() for name in ("inference", "page")}
    environment = {
        **_shared(stack, instance),
        "WEIR_TRITON_ADDRESS": triton,
        "WEIR_INFERENCE_GRPC_PORT": str(ports["inference"]),
        "WEIR_HTTP_PORT": str(ports["page"]),
        **(settings or {}),
    }
    with _process(["-m", "weir.inference"], environment):
        _until(f"http://127.0.0.1:{ports['page']}/healthz", "")
        yield f"127.0.0.1:{ports['inference']}"


@contextlib.contextmanager
def gateway(
    stack: Stack,
    upstream: Upstream,
    instance: str,
    *,
    module: str = "weir.gateway",
    has_drain: bool = True,
    is_drain_frozen: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """A gateway with a spool of its own, and its drain, for the length of the block.

    module: what is run as the gateway. is_drain_frozen: the drain is there and does nothing until `thaw`.
    settings: environment variables of both.
    """
    ports = {name: free_port() for name in ("gateway", "page", "drain")}
    environment = {
        **_shared(stack, instance),
        "WEIR_INFERENCE_ADDRESS": upstream.inference,
        "WEIR_GATEWAY_GRPC_PORT": str(ports["gateway"]),
        "WEIR_GATEWAY_ANONYMOUS_TENANT": "bench",
        **(settings or {}),
    }
    with contextlib.ExitStack() as running:
        drain = None
        if has_drain:
            here = {**environment, "WEIR_HTTP_PORT": str(ports["drain"])}
            drain = running.enter_context(_process(["-m", "weir.gateway.drain"], here))
            if is_drain_frozen:
                drain.send_signal(signal.SIGSTOP)  # before it has imported anything
        process = running.enter_context(_process(["-m", module], {**environment, "WEIR_HTTP_PORT": str(ports["page"])}))
        page, drain_page = (f"http://127.0.0.1:{ports[name]}" for name in ("page", "drain"))
        _until(f"{page}/metrics", "weir_gateway_catalog_revision ")
        if has_drain and not is_drain_frozen:
            _until(f"{drain_page}/readyz", "")
        headers = RunningStack(stack.layout.home).authorization
        yield Gateway(f"127.0.0.1:{ports['gateway']}", page, drain_page, process, drain, headers)


def spool_folder(stack: Stack, instance: str) -> Path:
    """Where a gateway of the bench spools."""
    return Path(_shared(stack, instance)["WEIR_DATA_DIR"]) / "gateway" / f"spool-{instance}"


def _shared(stack: Stack, instance: str) -> dict[str, str]:
    return {**os.environ, **stack.endpoints.environment, "WEIR_INSTANCE": instance}


@contextlib.contextmanager
def _process(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(url: str, text: str) -> None:
    pause, end_s = threading.Event(), time.monotonic() + READY_S
    while time.monotonic() < end_s:
        with contextlib.suppress(httpx2.HTTPError):
            answer = httpx2.get(url, timeout=2.0)
            if answer.status_code == 200 and _is_there(answer.text, text):
                return
        pause.wait(0.1)
    raise TimeoutError(f"{url} was not ready within {READY_S:g} s")


def _is_there(page: str, text: str) -> bool:
    """Whether a page holds a metric above 0; any page will do for no text."""
    found = [line for line in page.splitlines() if line.startswith(text)] if text else [" 1"]
    return any(float(line.split()[-1]) > 0 for line in found)


def _cpu_s(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
