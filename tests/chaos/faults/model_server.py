"""Triton dies in calls and in streams, hangs, is overloaded: a clear error, a recorded outcome, never a clean end."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import grpc
import httpx2

from chaos.guests import paced_gateway
from chaos.streams import Broken, is_last, open_stream, sse
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import outcomes, row_of_calls, row_of_numbers
from harness.calls.callers import calling
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway
from harness.waiting import RECOVER_WITHIN_S, eventually, lasts
from weir.runtime.identity import new_id

STREAMS = 8
"""Half over each listener."""

LONG = "pieces=400 chars=20 pause_ms=50"
"""A stream of twenty seconds."""


def killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of the stack's own Triton in calls; it recovers without a restart of ours."""
    gateway_pid = stack.pid("gateway")
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(times):
            calls.more(20)
            stack.kill("triton", signal.SIGKILL)
            calls.more(20)
    row = row_of_calls(stack, "Triton killed in calls", times, calls.acknowledged, _errors_of(calls.refusals))
    return replace(row, problem="" if stack.pid("gateway") == gateway_pid else "the gateway was restarted")


def crashed_in_streams(stack: RunningStack, times: int) -> Row:
    """`kill -9` of Triton in the middle of streams over gRPC and HTTP."""
    with paced_gateway(stack, "crash") as (gateway, model):
        ends = Counter[str]()
        for _ in range(times):
            with Watched(gateway, stack.api_key, LONG) as watched:
                watched.until_streaming()
                model.crash()
            ends += Counter(watched.ends)
            model.triton.start()
            model.triton.until_ready()
            eventually(lambda: _is_answering(gateway), within_s=RECOVER_WITHIN_S, what="a stream after the crash")
        return _row(stack, "Triton crashed in streams", times, gateway, ends, times * STREAMS, {"upstream_lost"})


def _is_answering(gateway: SecondGateway) -> bool:
    with grpc.insecure_channel(gateway.grpc_address) as channel:
        try:
            return [answer.error_message for answer in open_stream(channel, new_id(), "pieces=1")][-1:] == [""]
        except grpc.RpcError:
            return False


def hanging(stack: RunningStack) -> Row:
    """Triton stops answering in the middle of streams: their callers' deadlines end them."""
    with paced_gateway(stack, "hang", WEIR_GATEWAY_TIMEOUT_S="6") as (gateway, model):
        with Watched(gateway, stack.api_key, LONG, timeout_s=6) as watched:
            watched.until_streaming()
            model.triton.send(signal.SIGSTOP)
        model.triton.send(signal.SIGCONT)
        outcomes_expected = {"failed", "cancelled"}  # by the gateway's deadline, or by the client's own
        return _row(stack, "Triton hanging in streams", 1, gateway, Counter(watched.ends), STREAMS, outcomes_expected)


def overloaded(stack: RunningStack, seconds: float) -> Row:
    """More calls than the model server may have in flight: the surplus is refused at once, the others are answered."""
    limits = {"WEIR_INFERENCE_CALLS_MAX": "2"}
    with paced_gateway(stack, "overload", inference=limits) as (gateway, _):
        with calling(lambda: gateway.grpc_address, workers=8) as calls:
            calls.more(20)
            lasts(seconds)
        row = row_of_numbers(stack, "Triton overloaded", calls.refused, gateway.life, gateway.used)
        found = outcomes(stack, gateway.source)
        problems = [] if calls.refused else ["nothing was refused"]
        problems += [] if set(calls.refusals) <= {"RESOURCE_EXHAUSTED"} else [_errors_of(calls.refusals)]
        problems += [] if found.get("refused", 0) == calls.refused else [f"recorded: {found}"]
        note = f"{len(calls.acknowledged)} answered, {calls.refused} refused with a word; recorded {found}"
        return replace(row, note=note, problem="; ".join(problems))


class Watched:
    """Streams over gRPC and HTTP at once, and how each client saw its stream end."""

    def __init__(self, gateway: SecondGateway, key: str, question: str, *, timeout_s: float = 30.0) -> None:
        self._gateway = gateway
        self._key = key
        self._question = question
        self._timeout_s = timeout_s
        self._begun = threading.Semaphore(0)
        self.ends: list[str] = []
        """`clean`, or `error`."""
        ways = [self._over_grpc, self._over_http] * (STREAMS // 2)
        self._threads = [threading.Thread(target=self._watch, args=(way,)) for way in ways]

    def __enter__(self) -> Watched:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(90)

    def until_streaming(self) -> None:
        """Wait until every stream has a first piece."""
        for _ in self._threads:
            assert self._begun.acquire(timeout=60), "a stream did not begin"

    def _watch(self, way: object) -> None:
        assert callable(way)
        try:
            way()
            self.ends.append("clean")
        except (grpc.RpcError, httpx2.HTTPError, Broken):
            self.ends.append("error")

    def _over_grpc(self) -> None:
        with grpc.insecure_channel(self._gateway.grpc_address) as channel:
            answers = open_stream(channel, new_id(), self._question, timeout_s=self._timeout_s)
            self._seen(next(answers).error_message)
            for answer in answers:
                self._seen_more(answer.error_message)
                if is_last(answer):
                    return

    def _over_http(self) -> None:
        with sse(self._gateway.gateway.url, self._key, self._question, timeout_s=self._timeout_s * 2) as answer:
            lines = (line for line in answer.iter_lines() if line.startswith("data: "))
            self._seen("" if '"error"' not in next(lines) else "error")
            for line in lines:
                self._seen_more("error" if '"error"' in line else "")
                if line == "data: [DONE]":
                    return
        raise Broken("no [DONE]")

    def _seen(self, error: str) -> None:
        self._begun.release()
        self._seen_more(error)

    def _seen_more(self, error: str) -> None:
        if error:
            raise Broken(error)


def _row(
    stack: RunningStack,
    fault: str,
    times: int,
    gateway: SecondGateway,
    ends: Counter[str],
    streams: int,
    expected: set[str],
) -> Row:
    """The numbers of the gateway; every client must have got an error, and every end is recorded as what it was."""
    row = row_of_numbers(stack, fault, times, gateway.life, gateway.used)
    found = outcomes(stack, gateway.source)
    problems = [f"{ends['clean']} streams ended as if well"] if ends["clean"] else []
    problems += [f"{ends.total()} of {streams} streams ended"] if ends.total() != streams else []
    problems += [f"recorded {found}"] if sum(found.get(one, 0) for one in expected) != streams else []
    note = f"{ends['error']} of {streams} clients got an error; recorded {found}"
    return replace(row, note=note, problem="; ".join(problems))


def _errors_of(refusals: dict[str, int]) -> str:
    names: Sequence[str] = sorted(refusals)
    return "errors: " + (", ".join(f"{name} {refusals[name]}" for name in names) or "nothing")
