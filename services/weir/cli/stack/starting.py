"""Starting a stack: on a folder where nothing lives, in order, each part known to be this stack's own before the next.

Whatever ends a start before it is done (a failure, Ctrl-C, SIGTERM, `weir down`) ends all that it had started.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aiokafka.errors import KafkaError

from weir.cli.output import Tell
from weir.cli.stack.errors import StackError, StackLives
from weir.cli.stack.hold import sign
from weir.cli.stack.kafka_storage import prepare_kafka
from weir.cli.stack.layout import Layout, layout
from weir.cli.stack.members import SUPERVISOR, marks
from weir.cli.stack.ports import DEFAULTS, HOST, Reservation, reserve
from weir.cli.stack.processes import TIERS, Process, processes
from weir.cli.stack.readiness import missing
from weir.cli.stack.receivers import receivers_for
from weir.cli.stack.record import Endpoints, write_record
from weir.cli.stack.secrets import check_keys, ensure_http_token, ensure_keys, http_token_file
from weir.cli.stack.sight import look
from weir.cli.stack.state import may_start
from weir.cli.stack.stopping import end_all
from weir.cli.stack.supervisor import Supervisor, configuration
from weir.cli.stack.topics import create_topics
from weir.runtime.surroundings import UMASK, of_service

READY_S = 120.0
"""Seconds the whole stack may take to become ready: four times what it takes."""

SUPERVISOR_READY_S = 10.0
"""Seconds until the supervisor answers: twenty times what it takes."""

LOOK_S = 0.1
"""Seconds between looks at a process that is starting; small against a start."""

UNFIT = re.compile(r"""[%"';\\,]|[^\S ]|[\x00-\x1f\x7f]""")
"""Characters of a path that the supervisor's configuration or Kafka's cannot hold: they begin a comment, a quotation or a
value; at a comma Kafka splits its folder's name into several folders."""

TAIL_CHARS = 800
"""Characters of the end of a log in an error: the last lines say why."""


def start_stack(
    home: Path | None = None,
    ports: Mapping[str, int] | None = None,
    demo_receiver_url: str | None = None,
    *,
    tell: Tell = lambda _: None,
) -> Endpoints:
    """Start every process and wait until all are ready.

    home: folder of the stack, `.weir` by default. ports: wishes by name. demo_receiver_url: where the `demo` webhook
    receiver listens, for this start. Raises StackError, PortTaken or TopicsDiffer; what was started by then is stopped.
    """
    place = layout(home)
    _check_names(place)
    place.make()
    started_s = time.monotonic()
    with _start_held(place), _reserved(place, ports or {}) as reservation:
        if reservation.moved:
            tell(_moved_ports(reservation))
        _check_set_up(place)
        receivers_file = receivers_for(place, demo_receiver_url)
        check_keys(place.keys_file)
        ensure_http_token(place.secrets)
        for name, file in ensure_keys(place.keys_file).items():
            tell(f"made API key {name}; its text is in {file}")
        endpoints = endpoints_of(place, reservation.ports)
        table = processes(place, endpoints.ports, endpoints.environment, receivers_file)
        prepare_kafka(place, endpoints.ports)
        try:
            return _start(place, endpoints, table, reservation, tell, started_s)
        except BaseException as error:
            end_all(place, tell)
            place.endpoints_file.unlink(missing_ok=True)
            if isinstance(error, ConnectionError):
                raise StackError("the supervisor ended while the stack was starting (weir down elsewhere?)") from error
            raise


def _start(
    place: Layout, endpoints: Endpoints, table: list[Process], reservation: Reservation, tell: Tell, started_s: float
) -> Endpoints:
    write_record(place, endpoints)
    start_supervisor(place, table, endpoints.instance, reservation)
    _start_tiers(place, table, endpoints, tell, started_s + READY_S)
    completed = replace(endpoints, ready_seconds=round(time.monotonic() - started_s, 1))
    write_record(place, completed)
    return completed


def _reserved(place: Layout, wishes: Mapping[str, int]) -> Reservation:
    """Ports for a folder where nothing lives; a running stack's own would only be called taken."""
    _check_free(place)
    return reserve(wishes)


def _moved_ports(reservation: Reservation) -> str:
    found = [f"{name} has {reservation.ports[name]} instead of {DEFAULTS[name]}" for name in reservation.moved]
    return f"usual ports are in use, others are taken: {', '.join(found)}"


def _check_names(place: Layout) -> None:
    """Refuse folders whose names the supervisor's or Kafka's configuration would read as something else."""
    for folder in (place.home, place.root):
        unfit = UNFIT.search(str(folder))
        if unfit:
            raise StackError(f"the folder {str(folder)!r} holds {unfit[0]!r} in its name; use another one (WEIR_HOME)")


def _check_set_up(place: Layout) -> None:
    needed = {
        "Kafka's jars": place.jars,
        "the models' environment": place.models_env,
        "the corpus": place.corpus / "corpus-current.json",
    }
    lacking = [what for what, path in needed.items() if not path.exists()]
    if shutil.which("java") is None:
        lacking.append("java")
    if lacking:
        raise StackError(f"{', '.join(lacking)} missing; run 'make setup'")


@contextmanager
def _start_held(place: Layout) -> Iterator[None]:
    """The right to start on this folder, for one `up` at a time."""
    with _lock(place.start_lock, f"another weir up is starting a stack on {place.home} already; wait for it") as lock:
        sign(lock)
        yield


@contextmanager
def _lock(path: Path, otherwise: str) -> Iterator[int]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(otherwise) from error
        yield lock
    finally:
        os.close(lock)


def _check_free(place: Layout) -> None:
    """Refuse a folder on which anything of a stack lives: a second broker there would cut the first one's log."""
    seen = look(place)
    facts = replace(seen.facts, is_start_held=False)  # that is this start
    if seen.members or not may_start(facts):
        text, _ = replace(seen, facts=facts).explained
        raise StackLives(f"{text}; something runs here already: stop it (weir down) or use another folder (WEIR_HOME)")


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


def start_supervisor(place: Layout, table: list[Process], instance: str, reservation: Reservation) -> None:
    """Start the supervisor, which starts nothing by itself, and wait until it answers. Raises StackError."""
    config, output = place.run / "supervisord.conf", place.logs / "supervisord.out"
    config.write_text(configuration(place, table, instance))
    place.socket.unlink(missing_ok=True)
    reservation.inherit()
    held = f"a stack runs on {place.home} already; stop it (weir down) or use another folder (WEIR_HOME)"
    with _lock(place.stack_lock, held) as lock, output.open("w") as written:
        # Its own session: Ctrl-C in the terminal reaches the command line alone, which then stops things in order.
        # It inherits the lock and the reserved ports, which so live exactly as long as it does.
        os.set_inheritable(lock, True)
        with _umask(UMASK):
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
                {**of_service(os.environ), **marks(place, instance, SUPERVISOR)},
                file_actions=[(os.POSIX_SPAWN_DUP2, written.fileno(), 1), (os.POSIX_SPAWN_DUP2, written.fileno(), 2)],
                setsid=True,
            )
    deadline_s = time.monotonic() + SUPERVISOR_READY_S
    while not Supervisor(place).answers():
        if os.waitpid(pid, os.WNOHANG)[0] or time.monotonic() > deadline_s:
            raise StackError(f"the supervisor did not start: {_tail(output)}")
        time.sleep(LOOK_S)


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    """This process under `mask`, which what it starts inherits: supervisord sets its own only where it makes itself a daemon."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _start_tiers(place: Layout, table: list[Process], endpoints: Endpoints, tell: Tell, deadline_s: float) -> None:
    supervisor = Supervisor(place)
    by_name = {process.name: process for process in table}
    waiting: list[Process] = []
    for names in TIERS:
        for name in names:
            supervisor.start(name)
        for name in names:
            if name in FIRST:
                wait_ready([by_name[name]], place, endpoints.instance, tell, deadline_s)
            else:
                waiting.append(by_name[name])
        if "kafka" in names:
            tell(f"topics: {_made_topics(endpoints.kafka_bootstrap)} created")
    wait_ready(waiting, place, endpoints.instance, tell, deadline_s)


def _made_topics(bootstrap: str) -> int:
    try:
        return len(create_topics(bootstrap))
    except KafkaError as error:
        raise StackError(f"the broker at {bootstrap} runs and its topics could not be created: {error!r}") from error


FIRST = ("kafka", "registry")
"""Waited for before the next tier: the others need topics and schemas to get ready."""


def wait_ready(waited: list[Process], place: Layout, instance: str, tell: Tell, deadline_s: float) -> None:
    """Wait until processes can do their work. Raises StackError naming those that are late, and why."""
    supervisor = Supervisor(place)
    left = {process.name: process for process in waited}
    while left:
        states = {info["name"]: info for info in supervisor.processes()}
        late = {name: missing(process, instance, int(states[name]["pid"])) for name, process in left.items()}
        for name in [name for name, reason in late.items() if not reason]:
            tell(f"{name} is ready")
            del left[name], late[name]
        if left and time.monotonic() > deadline_s:
            said = "; ".join(f"{name} ({states[name]['statename'].lower()}) {reason}" for name, reason in late.items())
            first = place.logs / f"{next(iter(late))}.log"
            raise StackError(f"not ready in time: {said}; see {place.logs}; the end of {first.name}:\n{_tail(first)}")
        if left:
            time.sleep(LOOK_S)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-TAIL_CHARS:] if log.exists() else "(no log was written)"


def endpoints_of(place: Layout, ports: Mapping[str, int]) -> Endpoints:
    """How a new start of the stack is reached: a fresh instance, not ready yet."""

    def url(name: str) -> str:
        return f"http://{HOST}:{ports[name]}"

    return Endpoints(
        home=str(place.home),
        instance=secrets.token_hex(8),
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
        keys_file=str(place.keys_file),
        demo_key_file=str(place.secrets / "demo.key"),
        ready_seconds=None,
        environment=_environment(place, ports),
        ports=dict(ports),
        otlp_url=url("otlp"),
        otlp_grpc=f"{HOST}:{ports['otlp_grpc']}",
        otlp_drain_url=url("otlp_drain"),
    )
