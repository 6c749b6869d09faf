"""The supervisor dies alone and leaves the stack behind: `weir status` says so, the rest is ended in order, nothing is lost."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import psutil

from harness.accounts.ledger import Row
from harness.accounts.stored_calls import row_of_calls
from harness.calls.callers import calling
from harness.stack.running_stack import RunningStack
from harness.waiting import eventually
from weir.cli.stack import StackError, start_stack, stop_stack
from weir.cli.stack.layout import layout
from weir.cli.stack.members import members
from weir.cli.stack.sight import look
from weir.cli.stack.state import State

CALLS = 30
"""Calls before, while nobody supervises, and after. Arbitrary: some seconds each."""


def killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of the supervisor under calls, a start that must be refused, `down`, and a new start on the same folder."""
    problems, note = list[str](), ""
    acknowledged: list[str] = []
    for _ in range(times):
        with calling(lambda: stack.gateway_grpc) as calls:
            calls.more(CALLS)
            broker = stack.pid("kafka")
            os.kill(stack.inner.supervisor.pid(), signal.SIGKILL)
            problems += _state_errors(stack)
            calls.more(CALLS)
            note = f"{calls.refused} calls refused while orphaned"
        problems += [] if psutil.pid_exists(broker) else ["the broker did not outlive the refused start"]
        ports = stack.endpoints.ports
        stop_stack(stack.home)
        left = members(layout(stack.home))
        problems += [f"{len(left)} processes live after down"] if left else []
        start_stack(stack.home, ports)
        with calling(lambda: stack.gateway_grpc) as more:
            more.more(CALLS)
        acknowledged += [*calls.acknowledged, *more.acknowledged]
    row = row_of_calls(stack, "supervisor killed alone", times, acknowledged, note)
    return replace(row, problem="; ".join([*problems, *_damage(stack)]))


def _state_errors(stack: RunningStack) -> list[str]:
    """What `weir status` said wrong, and whether a second start was let in."""
    place = layout(stack.home)
    eventually(lambda: look(place).state is State.ORPHANED, within_s=10, what="the orphans")
    try:
        start_stack(stack.home)
    except StackError:
        return []
    return ["a second stack was started on a live folder"]


def _damage(stack: RunningStack) -> list[str]:
    """Words of the broker about a log that two of them wrote."""
    text = (stack.home / "log" / "kafka.log").read_text(errors="replace")
    return [f"kafka.log says {word}" for word in ("is corrupt", "LockException") if word in text]
