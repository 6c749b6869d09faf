"""The gateway and its drain die, stand still, or are replaced, while clients call and stream."""

from __future__ import annotations

import random
import signal
from dataclasses import replace
from functools import partial

import psutil

from chaos.guests import paced_gateway, second_gateway
from chaos.streams import MOMENTS, streaming
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import outcomes, request_ids_of, row_of_calls, without_end
from harness.calls.callers import calling
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway
from harness.waiting import NOTICED_WITHIN_S, eventually, lasts

STALL_S = 5.0
"""Seconds the event loop stands still. Specified."""

MIN_READY_S = 2.0
"""Seconds from the clients' connection to a replaced gateway to the end of the next: they ask for its health first.
Arbitrary; any value from 1 to 5 would do: a connection and a question take milliseconds, more on a loaded machine."""


def killed_in_calls(stack: RunningStack, times: int, calls_between: int = 40) -> Row:
    """`kill -9` of the gateway at random instants of unary calls; what it held open ends as aborted."""
    dice = random.Random(5)  # instants of kills, no secret
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(times):
            calls.more(calls_between)
            lasts(dice.uniform(0, 0.1))
            stack.kill("gateway", signal.SIGKILL)
        calls.more(calls_between)
    row = row_of_calls(stack, "gateway killed in calls", times, calls.acknowledged)
    return _with_ends(row, without_end(stack, "local"), f"{calls.refused} calls failed visibly")


def killed_in_streams(stack: RunningStack, times: int) -> Row:
    """`kill -9` of the gateway as a stream is asked for, in its middle, and right after its last piece, in turn."""
    with paced_gateway(stack, "streams") as (gateway, _), streaming(gateway, stack.api_key) as streams:
        for number in range(times):
            streams.more(4)
            streams.until(MOMENTS[number % len(MOMENTS)])
            gateway.gateway.kill()
            gateway.gateway.start()
            gateway.gateway.until_ready()
        streams.more(4)
        streams.finish()
        ids = [*streams.request_ids, *request_ids_of(stack, streams.client_ids)]
        row = row_of_calls(stack, "gateway killed before, in, after streams", times, ids)
        open_calls = without_end(stack, gateway.source.removeprefix("gateway/"))
        return _with_ends(row, open_calls, f"{streams.broken} streams broke visibly; {outcomes(stack, gateway.source)}")


def _with_ends(row: Row, open_calls: int, note: str) -> Row:
    problem = f"{open_calls} calls never ended" if open_calls else ""
    return replace(row, note=note, problem=problem)


def drain_killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of the drain while it sends."""
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(times):
            calls.more(30)
            stack.kill("gateway-drain", signal.SIGKILL)
    return row_of_calls(stack, "drain killed", times, calls.acknowledged, f"{calls.refused} calls refused")


def loop_stalled(stack: RunningStack, times: int) -> Row:
    """The gateway's event loop stands still (the process is stopped), then goes on: no call fails, none is lost."""
    with calling(lambda: stack.gateway_grpc) as calls:
        pid = stack.pid("gateway")
        for _ in range(times):
            calls.more(20)
            stack.kill("gateway", signal.SIGSTOP)
            lasts(STALL_S)
            stack.kill("gateway", signal.SIGCONT)
        calls.more(20)
    row = row_of_calls(stack, f"gateway's event loop stalled {STALL_S:.0f} s", times, calls.acknowledged)
    problems = [f"{calls.refused} calls failed"] if calls.refused else []
    problems += ["the gateway was restarted"] if stack.pid("gateway") != pid else []
    return replace(row, problem="; ".join(problems))


def rolling_restart(stack: RunningStack, times: int) -> Row:
    """Two gateways are replaced in turn under calls; their clients know both addresses and no call fails."""
    with second_gateway(stack, "roll-a") as one, second_gateway(stack, "roll-b") as two:
        with calling(lambda: f"ipv4:{one.grpc_address},{two.grpc_address}", is_failing_over=True) as calls:
            for number in range(times):
                calls.more(30)
                restarted = (one, two)[number % 2]
                restarted.gateway.kill(signal.SIGTERM)
                calls.more(30)
                restarted.gateway.start()
                restarted.gateway.until_ready()
                eventually(partial(_is_found, restarted), within_s=NOTICED_WITHIN_S, what="callers at the new gateway")
                lasts(MIN_READY_S)
            calls.more(30)
        row = row_of_calls(stack, "rolling restart of two gateways", times, calls.acknowledged)
        problem = f"{calls.refused} calls failed: {sorted(calls.words)}" if calls.refused else ""
        return replace(row, problem=problem, note="" if calls.refused else "no call failed")


def _is_found(gateway: SecondGateway) -> bool:
    """Whether callers are connected to it; those of one process share a connection."""
    port = int(gateway.grpc_address.rpartition(":")[2])
    connections = gateway.gateway.process.net_connections(kind="tcp")
    return any(one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in connections)
