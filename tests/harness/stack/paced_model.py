"""A second Triton whose models answer at a pace the question names, and a second inference service before it.

`docs-qa` and `docs-qa-stream` are the names the gateway knows; what is behind them here is in `chaos/models`. Long
streams can be cut in their middle, the server can be killed or frozen, without harm to the stack's own.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psutil

from harness.stack.running_stack import RunningStack
from harness.stack.service_process import ServiceProcess, free_port
from weir.cli.stack.layout import repository

MODELS = Path(__file__).resolve().parents[2] / "chaos" / "models"


class PacedModel:
    """Both processes; `with` starts and stops them."""

    def __init__(
        self, stack: RunningStack, folder: Path, *, models: Path = MODELS, settings: Mapping[str, str] | None = None
    ) -> None:
        """models: what the server serves. settings: environment variables of the inference service."""
        folder.mkdir(parents=True, exist_ok=True)
        triton_port, inference_port, http_port = free_port(), free_port(), free_port()
        self.inference_address = f"127.0.0.1:{inference_port}"
        layout = stack.inner.layout
        command = [
            sys.executable, str(repository() / "infra" / "triton" / "launch.py"), "--env", str(layout.models_env),
            "--models", str(models), "--corpus-dir", str(layout.corpus), "--grpc-port", str(triton_port),
            "--http-port", str(http_port), "--metrics-port", str(free_port()),
        ]  # fmt: skip
        self.triton = ServiceProcess(
            "the paced Triton", command, {}, folder / "triton.log", health_path="/v2/health/ready", port=http_port
        )
        self.inference = ServiceProcess(
            "the second inference",
            [sys.executable, "-m", "weir.inference"],
            {
                **stack.environment,
                "WEIR_DATA_DIR": str(folder / "data"),
                "WEIR_INSTANCE": f"paced-{inference_port}",
                "WEIR_INFERENCE_PARTS": "serve",
                "WEIR_INFERENCE_GRPC_PORT": str(inference_port),
                "WEIR_TRITON_ADDRESS": f"127.0.0.1:{triton_port}",
                **(settings or {}),
            },
            folder / "inference.log",
        )

    def __enter__(self) -> Self:
        self.triton.start()
        self.triton.until_ready()
        self.inference.start()
        self.inference.until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.inference.kill()
        self.crash()

    def crash(self) -> None:
        """`kill -9` of Triton; the stubs of its Python models outlive it and are ended after it."""
        stubs = self.triton.process.children(recursive=True) if self.triton.is_started else []
        self.triton.kill()
        for stub in stubs:
            with contextlib.suppress(psutil.NoSuchProcess):
                stub.kill()
