"""The audit on the running stack: nothing missing where nothing is, and each planted loss named to the number."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from typing import Any

import grpc
import pytest

from harness.calls.asking import ask_over_triton
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S
from weir.cli.stack.layout import repository
from weir.runtime.identity import new_id

pytestmark = pytest.mark.stack
QUESTION = "What is a generator?"
ASKED_S = PATIENCE_S
"""Seconds that a client waits for its answer: longer than its call takes to be stored."""


def audit(stack: RunningStack) -> tuple[int, dict[str, Any]]:
    """Exit code and document of `weir audit gaps --json`."""
    done = subprocess.run(
        [str(repository() / ".venv" / "bin" / "weir"), "audit", "gaps", "--json"],
        env={"WEIR_HOME": str(stack.home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.capability("X1")
def test_a_call_in_hand_when_the_gateway_dies_is_stored_as_aborted(stack: RunningStack) -> None:
    question = f"What is a generator? {new_id()}"
    mine = f"position(input_text, '{question}') > 0"
    stack.kill("triton", signal.SIGSTOP)
    try:
        hanging = threading.Thread(target=_ask_and_lose, args=(stack, question))
        hanging.start()
        stack.until_count("v_inference_requests", mine, 1)
        stack.kill("gateway", signal.SIGKILL)
        hanging.join(ASKED_S)
    finally:
        stack.kill("triton", signal.SIGCONT)
    stack.until_ready("gateway")

    [[request_id]] = stack.sql(f"SELECT request_id FROM v_inference_requests WHERE {mine}")
    aborted = f"request_id = '{request_id}' AND outcome = 'aborted' AND error_type = 'gateway_lost'"
    stack.until_count("v_inference_responses", aborted, 1)


@pytest.mark.capability("X1")
def test_without_a_loss_the_audit_finds_none(stack: RunningStack) -> None:
    for _ in range(5):
        ask_over_triton(stack.gateway_grpc, QUESTION)

    code, books = audit(stack)

    missing = {one["source"]: one["missing_ranges"] for one in books["sources"] if one["missing"]}
    assert (code, missing, books["totals"]["corrupt"]) == (0, {}, 0)
    assert books["totals"]["duplicates_visible"] == 0
    assert books["totals"]["accepted"] >= 15


def _ask_and_lose(stack: RunningStack, question: str) -> None:
    with pytest.raises(grpc.RpcError):
        ask_over_triton(stack.gateway_grpc, question, timeout_s=ASKED_S)
