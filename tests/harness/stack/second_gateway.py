"""A second gateway with its drain: the real processes, upstream the stack's own inference, a spool of their own."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any, Self

import httpx2

from harness.calls.asking import Asked, ask_over_triton
from harness.stack.running_stack import RunningStack
from harness.stack.service_process import ServiceProcess, free_port
from harness.waiting import eventually

EMPTY_WITHIN_S = 15.0
"""Seconds its spool gets to become empty at the end; in practice well under one."""


class SecondGateway:
    """Both processes; `with` starts and stops them."""

    def __init__(self, stack: RunningStack, folder: Path, instance: str, **settings: str) -> None:
        """settings: environment variables of both."""
        folder.mkdir(parents=True, exist_ok=True)
        grpc_port = free_port()
        self.source = f"gateway/{instance}"
        self._headers = stack.authorization
        self.grpc_address = f"127.0.0.1:{grpc_port}"
        environment = {
            **stack.environment,
            "WEIR_INSTANCE": instance,
            "WEIR_DATA_DIR": str(folder / "data"),
            "WEIR_GATEWAY_GRPC_PORT": str(grpc_port),
            "WEIR_GATEWAY_ANONYMOUS_TENANT": instance,
            "WEIR_INFERENCE_ADDRESS": f"127.0.0.1:{stack.endpoints.ports['inference_grpc']}",
            **settings,
        }
        self.spool = Path(environment["WEIR_DATA_DIR"]) / "gateway" / f"spool-{instance}"
        self.gateway = ServiceProcess(
            "the second gateway", [sys.executable, "-m", "weir.gateway"], environment, folder / "gateway.log"
        )
        self.drain = ServiceProcess(
            "the second drain", [sys.executable, "-m", "weir.gateway.drain"], environment, folder / "drain.log"
        )

    def __enter__(self) -> Self:
        self.drain.start()
        self.gateway.start()
        self.drain.until_ready()
        self.gateway.until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._empty_spool()
        self.gateway.kill()
        self.drain.kill()

    def _empty_spool(self) -> None:
        """Let the drain finish, where it runs and can: what it leaves behind is deleted, and the audit would rightly miss it."""
        if self.drain.is_started and self.gateway.is_started:
            with contextlib.suppress(AssertionError, httpx2.TransportError):
                eventually(self._is_drained, within_s=EMPTY_WITHIN_S, what="a drained spool")

    def _is_drained(self) -> bool:
        """Whether every number that the running gateway used is in Kafka."""
        lives = {(one["source"], one["boot_epoch"]): one["drained"] for one in self.spool_page()["lives"]}
        return int(lives.get(self.life, 0)) >= self.used

    def ask(self, question: str = "What is a generator?", *, model: str = "docs-qa", timeout_s: float = 30) -> Asked:
        """One unary call."""
        return ask_over_triton(self.grpc_address, question, model=model, timeout_s=timeout_s)

    @property
    def life(self) -> tuple[str, int]:
        """Source and boot epoch of the running gateway."""
        return self.source, int(self.gateway.metric("weir_gateway_boot_epoch_us "))

    @property
    def used(self) -> int:
        """Sequence numbers that the running gateway used."""
        return int(self.gateway.metric("weir_gateway_numbers_used "))

    def spool_page(self) -> dict[str, Any]:
        """The drain's page."""
        page = httpx2.get(f"{self.drain.url}/v1/spool", headers=self._headers, timeout=60)
        return dict(page.raise_for_status().json())
