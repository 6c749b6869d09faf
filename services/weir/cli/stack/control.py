"""A running stack: its processes, whether each can work, and what they cost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from weir.cli.stack.errors import StackError
from weir.cli.stack.layout import Layout, layout
from weir.cli.stack.memory import tree_pss_mib
from weir.cli.stack.ports import DEFAULTS
from weir.cli.stack.processes import Process, processes
from weir.cli.stack.readiness import missing
from weir.cli.stack.record import Endpoints, UnreadableRecord, read_record
from weir.cli.stack.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack."""

    layout: Layout
    endpoints: Endpoints

    @property
    def supervisor(self) -> Supervisor:
        """Its supervisor."""
        return Supervisor(self.layout)

    def table(self) -> list[Process]:
        """Its processes. Raises StackError for a stack that an older version started, without one of them."""
        lacking = sorted(DEFAULTS.keys() - self.endpoints.ports.keys())
        if lacking:
            raise StackError(
                f"the stack in {self.layout.home} was started by an older version, which had no port for"
                f" {', '.join(lacking)}; start it again: weir down, then weir up"
            )
        return processes(self.layout, self.endpoints.ports, self.endpoints.environment)

    def missing(self) -> dict[str, str]:
        """Why processes cannot do their work, by name; empty when all can. Raises ConnectionError."""
        pids = {info["name"]: int(info["pid"]) for info in self.supervisor.processes()}
        found = {one.name: missing(one, self.endpoints.instance, pids.get(one.name, 0)) for one in self.table()}
        return {name: reason for name, reason in found.items() if reason}

    def is_ready(self, name: str) -> bool:
        """Whether a process can do its work. Raises ConnectionError."""
        process = next(process for process in self.table() if process.name == name)
        pid = next(int(info["pid"]) for info in self.supervisor.processes() if info["name"] == name)
        return not missing(process, self.endpoints.instance, pid)

    def status(self) -> list[dict[str, Any]]:
        """Name, state, pid, uptime in seconds, PSS in MiB and readiness of each process; the supervisor last.

        Raises ConnectionError when no supervisor answers.
        """
        late, rows = self.missing(), []
        for info in self.supervisor.processes():
            pid = int(info["pid"])
            rows.append(
                {
                    "name": info["name"],
                    "state": str(info["statename"]).lower(),
                    "pid": pid,
                    "uptime_s": int(info["now"] - info["start"]) if pid else 0,
                    "pss_mib": round(tree_pss_mib(pid), 1) if pid else 0.0,
                    "is_ready": info["name"] not in late,
                }
            )
        return [*rows, self._supervisor_row(sum(float(row["pss_mib"]) for row in rows))]

    def _supervisor_row(self, children_mib: float) -> dict[str, Any]:
        own = self.supervisor.pid()
        mib = round(max(0.0, tree_pss_mib(own) - children_mib), 1)
        uptime_s = int(time.time() - psutil.Process(own).create_time())
        return {
            "name": "supervisor",
            "state": "running",
            "pid": own,
            "uptime_s": uptime_s,
            "pss_mib": mib,
            "is_ready": True,
        }


def open_stack(home: Path | None = None) -> Stack:
    """The stack of a folder as it was started. Raises StackError when none was, or its record cannot be read."""
    place = layout(home)
    try:
        endpoints = read_record(place)
    except UnreadableRecord as error:
        raise StackError(f"{error}; stop what may be left of the stack: weir down") from error
    if endpoints is None:
        raise StackError(f"no stack runs in {place.home}; start one: weir up")
    return Stack(place, endpoints)
