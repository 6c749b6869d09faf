"""up, down, status and doctor on a stack of small processes under the real supervisor: they say and do what is so."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.stack.service_process import free_port
from harness.stack.small_stack import service, small_stack
from harness.stack.umask import umask_of
from harness.waiting import PATIENCE_S, eventually
from weir.cli.stack import StackError, open_stack, start_stack, stop_stack, stopping
from weir.cli.stack.hold import EXIT_HELD
from weir.cli.stack.layout import Layout, layout
from weir.cli.stack.members import marks, members
from weir.cli.stack.ports import DEFAULTS, FREE_FROM, PortTaken, reserve
from weir.cli.stack.processes import Process
from weir.cli.stack.readiness import missing
from weir.cli.stack.record import read_record
from weir.cli.stack.sight import look
from weir.cli.stack.state import State
from weir.cli.stack.supervisor import Supervisor

SLEEPER = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)")


def weir(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
    return subprocess.run(
        [sys.executable, "-m", "weir.cli", *arguments],
        env={**kept, "WEIR_HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def kill_supervisor(place: Layout) -> None:
    pid = Supervisor(place).pid()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: look(place).state is State.ORPHANED, within_s=PATIENCE_S, what="the orphans")


@pytest.mark.slow
def test_a_running_stack_is_shown_with_its_processes_and_the_folder_is_refused_to_another_start(tmp_path: Path) -> None:
    with small_stack(tmp_path) as place:
        shown = weir(tmp_path, "status", "--json")
        document = json.loads(shown.stdout)

        assert shown.returncode == 0, shown.stderr
        assert document["state"] == "running"
        assert [row["name"] for row in document["processes"]] == ["gateway", "registry", "supervisor"]
        assert all(row["is_ready"] for row in document["processes"])
        with pytest.raises(StackError, match="already"):
            start_stack(place.home)

    assert look(place).state is State.STOPPED
    assert members(place) == []


@pytest.mark.slow
def test_a_stack_of_before_the_otlp_receiver_is_shown_named_as_older_and_stopped(tmp_path: Path) -> None:
    with small_stack(tmp_path) as place:
        record = json.loads(place.endpoints_file.read_bytes())
        younger = {name for name in record if name.startswith("otlp")}
        kept = {name: port for name, port in record["ports"].items() if not name.startswith("otlp")}
        older = {name: value for name, value in record.items() if name not in younger} | {"ports": kept}
        place.endpoints_file.write_text(json.dumps(older))

        shown = [weir(tmp_path, *words.split()) for words in ("status", "doctor", "logs otlp", "down")]

    said = "started by an older version, which had no port for otlp, otlp_drain, otlp_grpc"
    assert "registry" in shown[0].stdout
    assert said in shown[1].stdout
    assert (shown[2].returncode, said in shown[2].stderr, "weir down" in shown[2].stderr) == (4, True, True)
    assert (shown[3].returncode, members(place)) == (0, [])


def test_every_process_of_a_stack_makes_files_for_its_user_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with small_stack(tmp_path) as place:
            supervisor = psutil.Process(Supervisor(place).pid())
            masks = [umask_of(process.pid) for process in [supervisor, *supervisor.children(recursive=True)]]
            ours = umask_of(os.getpid())
    finally:
        os.umask(before)

    assert masks == [0o077] * 3
    assert ours == 0o022


@pytest.mark.capability("X9")
@pytest.mark.slow
def test_after_the_supervisor_was_killed_everything_says_so_and_down_ends_what_it_left(tmp_path: Path) -> None:
    with small_stack(tmp_path) as place:
        kill_supervisor(place)
        shown = weir(tmp_path, "status", "--json")
        document = json.loads(shown.stdout)

        assert shown.returncode == 4
        assert document["state"] == "orphaned"
        assert [row["name"] for row in document["processes"]] == ["gateway", "registry"]
        assert "weir down" in document["error"]["hint"]
        stack_check = next(
            check
            for check in json.loads(weir(tmp_path, "doctor", "--json").stdout)["checks"]
            if check["check"] == "stack"
        )
        assert not stack_check["ok"]
        assert "gateway, registry" in stack_check["found"]
        with pytest.raises(StackError, match="dead; 2 of its processes live: gateway, registry; .* already"):
            start_stack(place.home)

        stopped = weir(tmp_path, "down", "--json")

        assert json.loads(stopped.stdout) == {"stopped": True}
        assert members(place) == []
        assert json.loads(weir(tmp_path, "down", "--json").stdout) == {"stopped": False}


def test_orphans_are_found_and_a_second_start_refused_when_the_run_folder_is_gone(tmp_path: Path) -> None:
    with small_stack(tmp_path) as place:
        kill_supervisor(place)
        for file in [*place.locks.iterdir(), place.stack_lock, place.endpoints_file]:
            file.unlink()

        assert look(place).state is State.ORPHANED
        with pytest.raises(StackError, match="already"):
            start_stack(place.home)
        assert stop_stack(place.home)


@pytest.mark.slow
def test_a_supervisor_that_stands_still_is_told_and_ended(tmp_path: Path) -> None:
    with small_stack(tmp_path) as place:
        pid = Supervisor(place).pid()
        os.kill(pid, signal.SIGSTOP)

        assert look(place).state is State.UNANSWERING
        assert stop_stack(place.home)
        assert members(place) == []


def test_a_supervisor_that_is_ending_is_none_that_answers_and_down_ends_what_it_waits_for(tmp_path: Path) -> None:
    with small_stack(tmp_path) as place:
        supervisor = Supervisor(place)
        suspend(supervisor, "gateway")
        supervisor.shutdown()

        with pytest.raises(ConnectionError, match="is ending"):
            eventually_raises(supervisor)
        assert not supervisor.answers()
        assert stop_stack(place.home)
        assert members(place) == []


def test_what_outlives_a_stop_and_a_kill_by_the_supervisor_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "STOP_WAIT_S", 0.0)
    monkeypatch.setattr(stopping, "KILL_WAIT_S", 0.0)
    told: list[str] = []
    with small_stack(tmp_path) as place:
        suspend(Supervisor(place), "gateway")

        assert stop_stack(place.home, tell=told.append)
        assert members(place) == []
    assert any("left behind" in line for line in told)


def test_a_start_that_ended_between_two_looks_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = layout(tmp_path)
    place.make()
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    ended.wait()
    monkeypatch.setattr(stopping, "record_of", lambda _: ended.pid)
    with place.start_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert stop_stack(place.home)


def suspend(supervisor: Supervisor, name: str) -> None:
    (pid,) = (int(info["pid"]) for info in supervisor.processes() if info["name"] == name)
    psutil.Process(pid).suspend()


def eventually_raises(supervisor: Supervisor) -> None:
    eventually(
        lambda: not supervisor.processes(), within_s=PATIENCE_S, what="the answer of a supervisor that is ending"
    )


def test_down_never_ends_a_process_of_another_stack_or_of_nobody(tmp_path: Path) -> None:
    other = layout(tmp_path / "other")
    stranger = subprocess.Popen(SLEEPER, env={**os.environ, **marks(other, "i", "kafka")})
    try:
        with small_stack(tmp_path / "mine") as place:
            # A lock file that names the pid of a stranger, as after a reuse of pids.
            kill_supervisor(place)
            (place.locks / "drift.lock").write_text(json.dumps({"pid": stranger.pid, "start_ticks": 1}))
            stop_stack(place.home)

        assert psutil.Process(stranger.pid).status() != psutil.STATUS_ZOMBIE
        assert [member.process.pid for member in members(other)] == [stranger.pid]
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.slow
def test_an_old_up_does_not_stop_the_next_stack(tmp_path: Path) -> None:
    with small_stack(tmp_path) as place:
        assert not stop_stack(place.home, instance="an earlier start")
        assert look(place).state is State.RUNNING
        record = read_record(place)
        assert record is not None
        assert stop_stack(place.home, instance=record.instance)


def test_a_lock_is_held_by_the_process_itself_and_refused_to_a_second_one(tmp_path: Path) -> None:
    with small_stack(tmp_path) as place:
        kill_supervisor(place)
        hold = [sys.executable, "-I", "-S", str(Path(place.root / "services/weir/cli/stack/hold.py"))]

        ran = subprocess.run(
            [*hold, str(place.locks / "gateway.lock"), "--", "true"], capture_output=True, text=True, check=False
        )

        assert ran.returncode == EXIT_HELD
        assert "held by another process" in ran.stderr


@pytest.mark.slow
def test_the_answer_of_another_stack_on_the_same_port_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    with small_stack(tmp_path) as place:
        record = read_record(place)
        assert record is not None
        asked = service(place, "gateway", record.ports["gateway"])

        assert missing(asked, record.instance, os.getpid()) == ""
        assert "another stack" in missing(asked, "another instance", os.getpid())


def test_a_port_counts_only_when_the_process_itself_listens_on_it(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), subprocess.Popen(SLEEPER) as sleeper:
        asked = Process("kafka", SLEEPER, {}, ready_port=port)

        assert missing(asked, "i", os.getpid()) == ""
        assert "does not listen" in missing(asked, "i", sleeper.pid)
        sleeper.kill()


def test_a_port_of_a_test_is_none_that_a_stack_or_the_kernel_gives_away_and_none_twice() -> None:
    ports = [free_port() for _ in range(100)]

    assert len(set(ports)) == 100
    assert max(ports) < min(*DEFAULTS.values(), FREE_FROM)


def test_two_starts_at_once_never_share_a_port() -> None:
    with reserve({}) as one, reserve({}) as two:
        assert not set(one.ports.values()) & set(two.ports.values())
        with pytest.raises(PortTaken, match="in use"):
            reserve({"gateway": one.ports["gateway"]})


@pytest.mark.slow
def test_reserved_ports_outlive_the_start_and_end_with_the_stack(tmp_path: Path) -> None:
    port = free_port()
    with small_stack(tmp_path, ports={"drift": port}), pytest.raises(PortTaken):
        reserve({"drift": port})  # nothing listens there: the reservation alone refuses it

    reserve({"drift": port}).close()


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"gateway": 0}, "no port"),
        ({"gateway": 65_536}, "no port"),
        ({"gateway": 20_001, "drift": 20_001}, "twice"),
        ({"nonsense": 20_001}, "no port is named nonsense"),
    ],
)
def test_a_port_that_cannot_be_is_refused(wishes: dict[str, int], said: str) -> None:
    with pytest.raises(PortTaken, match=said):
        reserve(wishes)


@pytest.mark.parametrize(
    "name", ["p%d", 'quo"te', "tick'tick", "x ;y", "new\nline", "%(here)s", "back\\slash", "\u2028"]
)
def test_a_folder_that_the_supervisor_would_misread_is_refused_before_anything_is_made(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(StackError, match="in its name"):
        start_stack(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("number", ["x", "", "-1", "999999", "٣"])
def test_a_port_that_is_no_number_is_a_usage_error(tmp_path: Path, number: str) -> None:
    assert weir(tmp_path, "up", "--port", f"gateway={number}").returncode == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"home": 1}', "\xff", "NaN"])
def test_a_record_that_cannot_be_read_says_so_and_hides_nothing(tmp_path: Path, text: str) -> None:
    place = layout(tmp_path)
    place.endpoints_file.write_text(text, encoding="latin-1")

    assert look(place).state is State.STOPPED
    with pytest.raises(StackError, match=r"cannot be read.*weir down"):
        open_stack(place.home)
    assert not stop_stack(place.home)


@pytest.mark.slow
def test_loopback_is_reached_whatever_proxy_is_set(tmp_path: Path) -> None:
    with small_stack(tmp_path, ["gateway"]):
        for name, proxy in (
            ("HTTP_PROXY", "http://127.0.0.1:9"),
            ("http_proxy", "nonsense"),
            ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ):
            shown = weir(tmp_path, "status", "--json", **{name: proxy, "NO_PROXY": "localhost"})

            assert json.loads(shown.stdout)["processes"][0]["is_ready"], (name, shown.stderr)


@pytest.mark.slow
def test_a_start_that_is_interrupted_ends_what_it_had_started(tmp_path: Path) -> None:
    """SIGTERM comes while Kafka starts; nothing of the stack lives afterwards, and the folder is free."""
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    java.write_text(f"#!{sys.executable}\nimport sys, time\nif 'kafka.Kafka' in sys.argv: time.sleep(600)\n")
    java.chmod(0o755)
    home = tmp_path / "home"
    environment = {**os.environ, "WEIR_HOME": str(home), "PATH": f"{java.parent}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-m", "weir.cli", "up", "-d"], env=environment, stderr=subprocess.PIPE, text=True
    ) as up:
        eventually(lambda: "kafka" in look(layout(home)).facts.live, within_s=30, what="kafka starting")
        assert look(layout(home)).state is State.STARTING
        with pytest.raises(StackError, match="another weir up"):
            start_stack(home)

        up.send_signal(signal.SIGTERM)
        _, said = up.communicate(timeout=60)

    assert up.returncode == 130
    assert "interrupted" in said
    assert members(layout(home)) == []
    assert look(layout(home)).state is State.STOPPED
