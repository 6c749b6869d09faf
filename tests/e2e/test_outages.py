"""Outages: a part goes away, callers get a clear word, nothing is lost, and it heals by itself."""

from __future__ import annotations

import signal

import grpc
import pytest

from harness.calls.asking import Asked, ask_over_triton
from harness.calls.callers import calling
from harness.stack.running_stack import RunningStack
from harness.store.id_lists import at_once, quoted
from harness.waiting import RECOVER_WITHIN_S, eventually

pytestmark = pytest.mark.stack
QUESTION = "What is a decorator?"


def answer_of(stack: RunningStack) -> Asked | None:
    try:
        return ask_over_triton(stack.gateway_grpc, QUESTION, timeout_s=5)
    except grpc.RpcError:
        return None


def test_triton_down_is_a_clear_error_an_event_and_heals_without_a_restart(stack: RunningStack) -> None:
    before = stack.count("v_inference_responses", "error_type = 'upstream_unavailable'")
    gateway_pid = stack.pid("gateway")
    stack.stop("triton")

    with pytest.raises(grpc.RpcError) as raised:
        ask_over_triton(stack.gateway_grpc, QUESTION, timeout_s=10)
    stack.start("triton")
    asked = eventually(lambda: answer_of(stack), within_s=RECOVER_WITHIN_S, what="an answer after Triton came back")

    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert stack.pid("gateway") == gateway_pid
    stack.until_count("v_inference_responses", "error_type = 'upstream_unavailable'", before + 1)
    stack.until_count("v_inference_responses", f"request_id = '{asked.request_id}'", 1)


@pytest.mark.capability("O1", is_check=True)
def test_kafka_killed_during_traffic_loses_nothing(stack: RunningStack) -> None:
    with calling(lambda: stack.gateway_grpc, pause_s=0.05) as calls:
        calls.more(10)
        stack.kill("kafka", signal.SIGKILL)
        calls.more(20)
        stack.until_ready("kafka")
        calls.more(10)

    for asked in at_once(calls.acknowledged):
        where = f"request_id IN ({quoted(asked)})"
        for view in ("v_inference_requests", "v_inference_responses"):
            stack.until_count(view, where, len(asked), within_s=RECOVER_WITHIN_S)
            assert stack.count(view, where) == len(asked)
    assert calls.refusals == {}


@pytest.mark.capability("O1")
def test_the_gateway_starts_and_serves_while_kafka_is_down(stack: RunningStack) -> None:
    stack.stop("kafka")
    stack.kill("gateway", signal.SIGKILL)
    asked = eventually(lambda: answer_of(stack), within_s=RECOVER_WITHIN_S, what="an answer with Kafka down")
    stack.start("kafka")
    stack.until_ready("kafka")

    stack.until_count("v_inference_responses", f"request_id = '{asked.request_id}'", 1, within_s=RECOVER_WITHIN_S)
