"""What every level shares: the results plugin and, where a test asks for it, the one running stack."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import HealthCheck, settings

from harness.results import Results
from harness.stack.running_stack import RunningStack, apply_examples
from harness.waiting import PATIENCE_S, eventually
from weir.cli.stack import start_stack, stop_stack
from weir.cli.stack.layout import repository

HOME = repository() / ".weir" / "test"
"""Folder of the stack of a test run; emptied before it. Its logs stay for whoever looks after a failure."""

QUICK_EXAMPLES = 20
"""Examples of a law in `make check`; `make test` and a run by hand have Hypothesis' 100. Arbitrary: any value from 10 to 50 would
do: fewer find less, more take longer."""


# Laws are checked on the same examples everywhere: a slow machine is no counter-example, and a failure repeats.
whole = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("whole", whole)
settings.register_profile("quick", whole, max_examples=QUICK_EXAMPLES)
settings.load_profile("quick" if os.environ.get("WEIR_QUICK_RUN") else "whole")


def pytest_configure(config: pytest.Config) -> None:
    """Count tests per level and remember what they prove."""
    config.pluginmanager.register(Results(), "weir-results")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that opens the ClickHouse engine is slow: its fixtures make a store with every table. One that asks for the stack
    must say so by its mark: the others run beside each other, where a second stack would end the first.
    """
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "migrated" in fixtures:
            item.add_marker("slow")
        if "stack" in fixtures and item.get_closest_marker("stack") is None:
            raise pytest.UsageError(f"{item.nodeid} asks for the running stack; give it the mark: pytest.mark.stack")


def pytest_collection_finish() -> None:
    """What is collected stays for the run: the garbage collector, which took 6 % of it, need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """The real stack, started once for all tests: every part and every service, with the examples applied."""
    stop_stack(HOME)
    shutil.rmtree(HOME, ignore_errors=True)
    endpoints = start_stack(HOME)
    running = RunningStack(HOME)
    try:
        apply_examples(running)
        headers = {"authorization": f"Bearer {running.api_key}"}

        def knows_routes() -> bool:
            models = httpx2.get(f"{endpoints.gateway_http}/v1/models", headers=headers, timeout=PATIENCE_S).json()
            return {"docs-qa", "minilm"} <= {model["id"] for model in models.get("data", ())}

        eventually(knows_routes, within_s=PATIENCE_S, what="the example routes at the gateway")
        yield running
    finally:
        stop_stack(HOME)
