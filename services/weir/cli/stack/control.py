"""Starting and stopping the stack: in order, gated, with a lock on its folder and its endpoints written down."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import string
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import httpx2
import psutil

from weir.cli.stack.layout import Layout, layout
from weir.cli.stack.memory import tree_pss_mib
from weir.cli.stack.ports import HOST, chosen, is_free
from weir.cli.stack.processes import Process, processes
from weir.cli.stack.secrets import ensure_http_token, ensure_keys, ensure_receivers, http_token_file
from weir.cli.stack.supervisor import Supervisor, configuration
from weir.cli.stack.topics import create_topics

READY_S = 120.0
"""Seconds the whole stack may take to become ready. Chosen: four times what it takes."""

LOOK_S = 0.1
"""Seconds between looks at a process that is starting. Chosen."""

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
"""Cluster id of every embedded broker; it names a folder's format, nothing secret."""

Tell = Callable[[str], None]
"""Called with a line for each thing that happens."""


class StackError(Exception):
    """The stack cannot do this; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How a running stack is reached."""

    home: str
    kafka_bootstrap: str
    registry_url: str
    lineage_url: str
    alerts_url: str
    drift_url: str
    gateway_drain_url: str
    gateway_http: str
    gateway_grpc: str
    triton_grpc: str
    triton_http: str
    keys_file: str
    demo_key_file: str
    ready_seconds: float
    environment: dict[str, str]
    """What a process needs to belong to the stack."""
    ports: dict[str, int]


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
        """Its processes."""
        return processes(self.layout, self.endpoints.ports, self.endpoints.environment)

    def is_ready(self, name: str) -> bool:
        """Whether a process can do its work."""
        return _is_ready(next(process for process in self.table() if process.name == name))

    def status(self) -> list[dict[str, Any]]:
        """Name, state, pid, uptime in seconds, PSS in MiB and readiness of each process; the supervisor last."""
        rows = []
        ready = {process.name: process for process in self.table()}
        for info in self.supervisor.processes():
            pid = int(info["pid"])
            rows.append(
                {
                    "name": info["name"],
                    "state": str(info["statename"]).lower(),
                    "pid": pid,
                    "uptime_s": int(info["now"] - info["start"]) if pid else 0,
                    "pss_mib": round(tree_pss_mib(pid), 1) if pid else 0.0,
                    "is_ready": bool(pid) and _is_ready(ready[info["name"]]),
                }
            )
        own = self.supervisor.pid()
        children = sum(float(row["pss_mib"]) for row in rows)
        supervisor_mib = round(max(0.0, tree_pss_mib(own) - children), 1)
        rows.append(
            {
                "name": "supervisor",
                "state": "running",
                "pid": own,
                "uptime_s": 0,
                "pss_mib": supervisor_mib,
                "is_ready": True,
            }
        )
        return rows


def start_stack(
    home: Path | None = None,
    ports: Mapping[str, int] | None = None,
    demo_receiver_url: str | None = None,
    *,
    tell: Tell = lambda _: None,
) -> Endpoints:
    """Start every process and wait until all are ready.

    home: folder of the stack, `.weir` by default. ports: wishes by name. demo_receiver_url: where the `demo` webhook
    receiver listens. Raises StackError, PortTaken or TopicsDiffer; what was started by then is stopped again.
    """
    place = layout(home)
    _check_set_up(place)
    place.make()
    started = time.monotonic()
    lock = _locked(place)
    found = chosen(ports or {})
    ensure_receivers(place.secrets, demo_receiver_url)
    ensure_http_token(place.secrets)
    for name, text in ensure_keys(place.secrets).items():
        tell(f"made API key {name}: {text} (kept in {place.secrets / (name + '.key')}, shown once)")
    environment = _environment(place, found)
    table = processes(place, found, environment)
    _prepare_kafka(place, found)
    _start_supervisor(place, table, lock)
    try:
        _start_tiers(place, table, found, tell, started + READY_S)
    except BaseException:
        _stop(place, table, tell)
        raise
    endpoints = _endpoints(place, found, environment, time.monotonic() - started)
    place.endpoints_file.write_text(json.dumps(asdict(endpoints), indent=2) + "\n")
    return endpoints


def stop_stack(home: Path | None = None, *, tell: Tell = lambda _: None) -> bool:
    """Stop the stack of a folder, services first, Kafka last. Returns False when none runs."""
    try:
        stack = open_stack(home)
        stack.supervisor.pid()
    except (StackError, ConnectionError):
        return False
    _stop(stack.layout, stack.table(), tell)
    stack.layout.endpoints_file.unlink(missing_ok=True)
    return True


def open_stack(home: Path | None = None) -> Stack:
    """The stack of a folder as it was started. Raises StackError when none was."""
    place = layout(home)
    if not place.endpoints_file.exists():
        raise StackError(f"no stack runs in {place.home}; start one: weir up")
    return Stack(place, Endpoints(**json.loads(place.endpoints_file.read_text())))


def _check_set_up(place: Layout) -> None:
    needed = {
        "Kafka's jars": place.jars,
        "the models' environment": place.models_env,
        "the corpus": place.corpus / "corpus-current.json",
    }
    missing = [what for what, path in needed.items() if not path.exists()]
    if shutil.which("java") is None:
        missing.append("java")
    if missing:
        raise StackError(f"{', '.join(missing)} missing; run 'make setup'")


def _locked(place: Layout) -> IO[str]:
    lock = (place.run / "stack.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StackError(
            f"a stack runs on {place.home} already; stop it (weir down) or use another folder (WEIR_HOME)"
        ) from error
    return lock


def _environment(place: Layout, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "WEIR_KAFKA_BOOTSTRAP": f"{HOST}:{ports['kafka']}",
        "WEIR_REGISTRY_URL": f"http://{HOST}:{ports['registry']}",
        "WEIR_LINEAGE_URL": f"http://{HOST}:{ports['lineage']}",
        "WEIR_ALERTS_URL": f"http://{HOST}:{ports['alerts']}",
        "WEIR_DATA_DIR": str(place.data),
        "WEIR_HTTP_HOST": HOST,
        "WEIR_HTTP_TOKEN_FILE": str(http_token_file(place.secrets)),
        "MALLOC_ARENA_MAX": "2",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
    }


def _prepare_kafka(place: Layout, ports: Mapping[str, int]) -> None:
    log_dir = place.data / "kafka"
    template = string.Template((place.root / "infra" / "kafka" / "server.properties").read_text())
    properties = place.run / "kafka.properties"
    values = {"port": ports["kafka"], "controller_port": ports["kafka_controller"], "log_dir": log_dir}
    properties.write_text(template.substitute({name: str(value) for name, value in values.items()}))
    if (log_dir / "meta.properties").exists():
        return
    formatted = subprocess.run(
        [
            "java",
            "-cp",
            f"{place.jars}/*",
            "kafka.tools.StorageTool",
            "format",
            "--standalone",
            "-t",
            CLUSTER_ID,
            "-c",
            str(properties),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if formatted.returncode:
        raise StackError(
            f"Kafka's storage in {log_dir} could not be formatted: {(formatted.stdout + formatted.stderr)[-500:]}"
        )


def _start_supervisor(place: Layout, table: list[Process], lock: IO[str]) -> None:
    config = place.run / "supervisord.conf"
    config.write_text(configuration(place, table))
    place.socket.unlink(missing_ok=True)
    with (place.logs / "supervisord.out").open("w") as output:
        # Its own session: Ctrl-C in the terminal reaches the command line alone, which then stops things in order.
        # It inherits the lock, which so lives exactly as long as the stack.
        os.set_inheritable(lock.fileno(), True)
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), 1), (os.POSIX_SPAWN_DUP2, output.fileno(), 2)],
            setsid=True,
        )
    lock.close()
    deadline = time.monotonic() + 10
    while True:
        try:
            Supervisor(place).pid()
        except (ConnectionError, FileNotFoundError):
            if os.waitpid(pid, os.WNOHANG)[0] or time.monotonic() > deadline:
                raise StackError(
                    f"the supervisor did not start: {(place.logs / 'supervisord.out').read_text()[-500:]}"
                ) from None
            time.sleep(LOOK_S)
        else:
            return


def _start_tiers(place: Layout, table: list[Process], ports: Mapping[str, int], tell: Tell, deadline: float) -> None:
    supervisor = Supervisor(place)
    waiting: list[Process] = []
    for tier in sorted({process.tier for process in table}):
        members = [process for process in table if process.tier == tier]
        for process in members:
            supervisor.start(process.name)
        if tier == 1:
            _wait([process for process in members if process.name == "kafka"], place, tell, deadline)
            created = create_topics(f"{HOST}:{ports['kafka']}")
            tell(f"topics: {len(created)} created")
            waiting += [process for process in members if process.name != "kafka"]
        elif tier == 2:
            _wait(members, place, tell, deadline)
        else:
            waiting += members
    _wait(waiting, place, tell, deadline)


def _wait(waited: list[Process], place: Layout, tell: Tell, deadline: float) -> None:
    supervisor = Supervisor(place)
    left = list(waited)
    while left:
        for process in list(left):
            if _is_ready(process):
                tell(f"{process.name} is ready")
                left.remove(process)
        if left and time.monotonic() > deadline:
            states = {info["name"]: info["statename"] for info in supervisor.processes()}
            late = ", ".join(f"{process.name} ({states[process.name].lower()})" for process in left)
            tail = (place.logs / f"{left[0].name}.log").read_text(errors="replace")[-800:]
            raise StackError(f"not ready in time: {late}; see {place.logs}; the end of {left[0].name}.log:\n{tail}")
        if left:
            time.sleep(LOOK_S)


def _is_ready(process: Process) -> bool:
    if not process.ready_url:
        return not is_free(process.ready_port)
    try:
        return httpx2.get(process.ready_url, timeout=2.0, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def _stop(place: Layout, table: list[Process], tell: Tell) -> None:
    supervisor = Supervisor(place)
    try:
        own = supervisor.pid()
        for tier in sorted({process.tier for process in table}, reverse=True):
            members = [process.name for process in table if process.tier == tier]
            for name in members:
                supervisor.stop(name, wait=False)
            _wait_stopped(supervisor, set(members))
            tell(f"stopped {', '.join(members)}")
        supervisor.shutdown()
        _wait_gone(own)
    except ConnectionError:
        tell("the supervisor was gone already")


def _wait_stopped(supervisor: Supervisor, names: set[str]) -> None:
    while any(info["name"] in names and info["pid"] for info in supervisor.processes()):
        time.sleep(LOOK_S)


def _wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if _is_gone(pid):
            return
        time.sleep(LOOK_S)
    os.kill(pid, signal.SIGKILL)


def _is_gone(pid: int) -> bool:
    """Whether a process ended; our own child is reaped by the look."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return True
    except ChildProcessError:
        return not psutil.pid_exists(pid)  # another process started it
    return False


def _endpoints(place: Layout, ports: Mapping[str, int], environment: dict[str, str], ready_seconds: float) -> Endpoints:
    def url(name: str) -> str:
        return f"http://{HOST}:{ports[name]}"

    return Endpoints(
        home=str(place.home),
        kafka_bootstrap=f"{HOST}:{ports['kafka']}",
        registry_url=url("registry"),
        lineage_url=url("lineage"),
        alerts_url=url("alerts"),
        drift_url=url("drift"),
        gateway_drain_url=url("gateway_drain"),
        gateway_http=url("gateway"),
        gateway_grpc=f"{HOST}:{ports['gateway_grpc']}",
        triton_grpc=f"{HOST}:{ports['triton_grpc']}",
        triton_http=url("triton_http"),
        keys_file=str(place.secrets / "keys.json"),
        demo_key_file=str(place.secrets / "demo.key"),
        ready_seconds=round(ready_seconds, 1),
        environment=environment,
        ports=dict(ports),
    )
