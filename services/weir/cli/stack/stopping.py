"""Stopping a stack, whatever became of its supervisor: services first, Kafka last, and nothing of it lives afterwards."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

from weir.cli.output import Tell
from weir.cli.stack.errors import StackError
from weir.cli.stack.layout import Layout, layout
from weir.cli.stack.members import (
    KILL_WAIT_S,
    LOOK_S,
    SUPERVISOR,
    Member,
    end,
    grouped,
    is_held,
    is_living,
    members,
    record_of,
)
from weir.cli.stack.processes import TIERS
from weir.cli.stack.sight import look
from weir.cli.stack.state import State
from weir.cli.stack.supervisor import STOP_WAIT_S, Supervisor

STARTER_WAIT_S = 90.0
"""Seconds a `weir up` that was asked to end may take: it stops tier by tier what it had started."""

SUPERVISOR_WAIT_S = 10.0
"""Seconds an empty supervisor may take to end; it has nothing left to do."""

SWEEPS_MAX = 5
"""Looks for processes that were born while others were ended. One is enough unless something starts them anew."""


def stop_stack(home: Path | None = None, *, instance: str | None = None, tell: Tell = lambda _: None) -> bool:
    """Stop whatever of a folder's stack lives, services first, Kafka last. Returns False when nothing does.

    instance: stop this start of it only; another one is left alone. Raises StackError for what cannot be stopped.
    """
    seen = look(layout(home))
    if instance is not None and instance not in seen.instances:
        return False
    is_running = seen.state is not State.STOPPED or bool(seen.members)
    if is_running:
        if seen.state is not State.RUNNING:
            tell(seen.explained[0])
        _end_starter(seen.place)
        end_all(seen.place, tell, is_asked=seen.facts.is_answered)
    seen.place.endpoints_file.unlink(missing_ok=True)
    return is_running


def end_all(place: Layout, tell: Tell, *, is_asked: bool = True) -> None:
    """End every process of the stack. is_asked: whether its supervisor is worth asking first.

    Raises StackError naming what lives even then.
    """
    if is_asked:
        _ask_supervisor(place, tell)
    for _ in range(SWEEPS_MAX):
        left = members(place)
        if not left:
            return
        _sweep(left, tell)
    names = ", ".join(f"{member.name} ({member.process.pid})" for member in members(place))
    raise StackError(f"processes of the stack in {place.home} cannot be ended: {names}; end them by hand (kill -9 pid)")


def _ask_supervisor(place: Layout, tell: Tell) -> None:
    """The orderly way; the rest is swept after it."""
    supervisor = Supervisor(place)
    try:
        own = psutil.Process(supervisor.pid())
        known = {str(info["name"]) for info in supervisor.processes()}
        for names in (known.intersection(tier) for tier in reversed(TIERS)):
            for name in names:
                supervisor.stop(name, wait=False)
            if not _await_stopped(supervisor, names):
                return  # the sweep ends them, or says which it cannot
            tell(f"stopped {', '.join(sorted(names))}")
        supervisor.shutdown()
    except (ConnectionError, psutil.NoSuchProcess):
        return  # it is dead or deaf: its processes are swept
    deadline = time.monotonic() + SUPERVISOR_WAIT_S
    while is_living(own) and time.monotonic() < deadline:
        time.sleep(LOOK_S)


def _sweep(left: list[Member], tell: Tell) -> None:
    """End members without a supervisor: it first, because it would start the others again, then tier by tier."""
    end([member.process for member in left if member.name == SUPERVISOR], 0.0)
    order = {name: tier for tier, names in enumerate(TIERS) for name in names}
    for tier in grouped([one for one in left if one.name != SUPERVISOR], lambda name: order.get(name, len(order))):
        end(_topmost(tier), STOP_WAIT_S)
        end([member.process for member in tier], 0.0)
        tell(f"stopped {', '.join(sorted({member.name for member in tier}))}, left behind")


def _topmost(tier: list[Member]) -> list[psutil.Process]:
    """The processes that have no member above them; the others end with them."""
    pids = {member.process.pid for member in tier}
    return [member.process for member in tier if _parent(member.process) not in pids]


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return 0


def _end_starter(place: Layout) -> None:
    """Ask a `weir up` that is at work to end, and wait until it has."""
    if not is_held(place.start_lock):
        return
    pid = record_of(place.start_lock)
    if pid:
        with suppress(psutil.NoSuchProcess):  # it ended between the two looks
            end([psutil.Process(pid)], STARTER_WAIT_S)


def _await_stopped(supervisor: Supervisor, names: set[str]) -> bool:
    """Wait until processes have ended. False for those that live longer than a stop and a kill may take."""
    deadline_s = time.monotonic() + STOP_WAIT_S + KILL_WAIT_S
    while any(info["name"] in names and info["pid"] for info in supervisor.processes()):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(LOOK_S)
    return True
