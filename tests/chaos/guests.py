"""Processes beside the stack's own for the length of a fault: a gateway with its drain, a paced model server."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.stack.paced_model import PacedModel
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway


@contextmanager
def second_gateway(stack: RunningStack, name: str, **settings: str) -> Iterator[SecondGateway]:
    """A gateway with a spool of its own, before the stack's own inference unless the settings say otherwise."""
    keys = {"WEIR_GATEWAY_KEYS_FILE": stack.endpoints.keys_file}
    with (
        tempfile.TemporaryDirectory(prefix="weir-chaos-") as folder,
        SecondGateway(stack, Path(folder), f"{name}-{time.time_ns()}", **{**keys, **settings}) as gateway,
    ):
        yield gateway


@contextmanager
def paced_gateway(
    stack: RunningStack, name: str, *, inference: dict[str, str] | None = None, **settings: str
) -> Iterator[tuple[SecondGateway, PacedModel]]:
    """A gateway before a model server of the suite's own, whose answers last as long as the question says."""
    with ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix="weir-chaos-"))
        model = running.enter_context(PacedModel(stack, Path(folder), settings=inference))
        address = {"WEIR_INFERENCE_ADDRESS": model.inference_address}
        yield running.enter_context(second_gateway(stack, name, **address, **settings)), model
