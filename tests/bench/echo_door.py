"""A Triton that serves the `echo` model, and Weir's own inference service, gateway and drain in front of it.

They belong to a running stack (its Kafka and registry) and listen on free loopback ports; everything ends with the block.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from weir.cli.stack import Stack
from weir.cli.stack.layout import repository

READY_S = 60.0
STOP_S = 20.0
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
class Door:
    """host:port of the two gRPC endpoints that are compared."""

    direct: str
    gateway: str


@contextlib.contextmanager
def echo_door(stack: Stack) -> Iterator[Door]:
    """The door for the length of the block. Raises TimeoutError when a process does not get ready."""
    ports = {
        name: _free() for name in ("grpc", "http", "metrics", "inference", "inference_page", "gateway", "page", "drain")
    }
    shared = {**os.environ, **stack.endpoints.environment, "WEIR_INSTANCE": "bench"}
    launch = [str(repository() / "infra" / "triton" / "launch.py"), "--env", str(stack.layout.models_env)]
    launch += ["--models", str(MODELS), "--corpus-dir", str(stack.layout.corpus)]
    for name in ("grpc", "http", "metrics"):
        launch += [f"--{name}-port", str(ports[name])]
    inference = {
        "WEIR_TRITON_ADDRESS": f"127.0.0.1:{ports['grpc']}",
        "WEIR_INFERENCE_GRPC_PORT": str(ports["inference"]),
        "WEIR_HTTP_PORT": str(ports["inference_page"]),
    }
    gateway = {
        "WEIR_INFERENCE_ADDRESS": f"127.0.0.1:{ports['inference']}",
        "WEIR_GATEWAY_GRPC_PORT": str(ports["gateway"]),
        "WEIR_GATEWAY_ANONYMOUS_TENANT": "bench",
    }
    body = {"documents": [DEFINITION], "author": "bench", "dry_run": False}
    httpx2.post(f"{stack.endpoints.registry_url}/v1/apply", json=body).raise_for_status()
    with contextlib.ExitStack() as running:
        running.enter_context(_process(launch, dict(os.environ)))
        running.enter_context(_process(["-m", "weir.inference"], {**shared, **inference}))
        running.enter_context(
            _process(["-m", "weir.gateway.drain"], {**shared, **gateway, "WEIR_HTTP_PORT": str(ports["drain"])})
        )
        running.enter_context(
            _process(["-m", "weir.gateway"], {**shared, **gateway, "WEIR_HTTP_PORT": str(ports["page"])})
        )
        _until(f"http://127.0.0.1:{ports['http']}/v2/health/ready", "")
        _until(f"http://127.0.0.1:{ports['inference_page']}/healthz", "")
        _until(f"http://127.0.0.1:{ports['page']}/metrics", "weir_gateway_catalog_revision ")
        yield Door(f"127.0.0.1:{ports['grpc']}", f"127.0.0.1:{ports['gateway']}")


@contextlib.contextmanager
def _process(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
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


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
