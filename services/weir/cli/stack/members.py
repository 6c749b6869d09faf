"""Members: the living processes of a stack, found by what they carry, and ended without ever hitting a stranger.

A member carries the stack's folder in its environment (put there by the supervisor, inherited by its children), or is
named, with its start time, by the lock file of a lock that is held. Both outlive the supervisor.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from weir.cli.stack.hold import start_ticks
from weir.cli.stack.layout import Layout
from weir.runtime.surroundings import STACK_INSTANCE

SUPERVISOR = "supervisor"
"""Name of the supervisor among the members."""

HOME, INSTANCE, PROCESS = "WEIR_STACK_HOME", STACK_INSTANCE, "WEIR_STACK_PROCESS"
"""Variables that a member carries: the stack's folder, the id of this start, and its own name."""

LOOK_S = 0.1
"""Seconds between looks at processes that are ending."""

KILL_WAIT_S = 10.0
"""Seconds that killed processes may take to vanish; the kernel needs far less unless the disk hangs."""


@dataclass(frozen=True, slots=True)
class Member:
    """One living process of a stack. instance: the start it belongs to; None where that cannot be read."""

    name: str
    process: psutil.Process
    instance: str | None


def members(place: Layout) -> list[Member]:
    """Every living process of the stack in a folder but the caller itself, oldest first within a name."""
    found = {member.process.pid: member for member in (*_recorded(place), *_marked(place))}
    return sorted(found.values(), key=lambda one: (one.name, one.process.pid))


def marks(place: Layout, instance: str, name: str) -> dict[str, str]:
    """The variables that make a process a member."""
    return {HOME: str(place.home), INSTANCE: instance, PROCESS: name}


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock of a file. Takes the lock for a moment to see."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def record_of(path: Path) -> int:
    """Pid that a lock file names; 0 when that process is gone or the file is being written."""
    try:
        record = json.loads(path.read_text())
        return int(record["pid"]) if start_ticks(record["pid"]) == record["start_ticks"] else 0
    except (OSError, ValueError, TypeError, KeyError):
        return 0


def end(ended: Iterable[psutil.Process], wait_s: float) -> list[int]:
    """Ask processes to stop and kill those that have not after `wait_s`. Returns the pids that live even then.

    psutil compares the start time before each signal, so a pid that was given to another process meanwhile is safe.
    """
    left = list(ended)
    _signal(left, signal.SIGCONT)  # one that stands still takes no other signal
    _signal(left, signal.SIGTERM)
    left = _living_after(left, wait_s)
    _signal(left, signal.SIGKILL)
    return [process.pid for process in _living_after(left, KILL_WAIT_S)]


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue  # it ended


def _living_after(processes: list[psutil.Process], wait_s: float) -> list[psutil.Process]:
    deadline = time.monotonic() + wait_s
    left = processes
    while left := [process for process in left if is_living(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_S)
    return left


def is_living(process: psutil.Process) -> bool:
    """Whether a process runs; one of our own that ended is reaped by the look."""
    with contextlib.suppress(ChildProcessError):  # another process started it
        os.waitpid(process.pid, os.WNOHANG)
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _marked(place: Layout) -> Iterable[Member]:
    mark = f"{HOME}={place.home}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended, or belongs to somebody else
        if mark in words and int(folder.name) != os.getpid():
            carried = dict(word.split(b"=", 1) for word in words if b"=" in word)
            name, instance = (os.fsdecode(carried.get(key.encode(), b"")) for key in (PROCESS, INSTANCE))
            yield from _member(name, int(folder.name), instance or None)


def _recorded(place: Layout) -> Iterable[Member]:
    for path in sorted(place.locks.glob("*.lock")):
        if is_held(path):
            pid = record_of(path)
            if pid:
                yield from _member(path.stem, pid, None)


def _member(name: str, pid: int, instance: str | None) -> Iterable[Member]:
    try:
        yield Member(name, psutil.Process(pid), instance)
    except psutil.NoSuchProcess:
        return  # it ended


def grouped(found: Iterable[Member], tier_of: Callable[[str], int]) -> list[list[Member]]:
    """Members by tier, the tier that is stopped first at the front."""
    tiers: dict[int, list[Member]] = {}
    for member in found:
        tiers.setdefault(tier_of(member.name), []).append(member)
    return [tiers[tier] for tier in sorted(tiers, reverse=True)]
