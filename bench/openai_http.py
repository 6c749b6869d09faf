"""`python -m bench.openai_http` (make bench-openai): a call over HTTP to Triton itself, through Weir, through LiteLLM's proxy.

The load is h2load over HTTP/1.1 (C, so that the client hides nothing), one connection and sixteen. `unary` is the model `echo`
with 1.2 KB of text, `stream` the model `tokens`, a hundred server-sent events an answer. Triton is asked by its own endpoint,
the proxies in OpenAI's form. Weir is the whole path: gateway, inference, API key, limits, capture `process`, its drain stopped.
LiteLLM has one worker and a master key, stands before Triton's `generate` endpoint and records nothing. Rounds are interleaved,
their order is turned every other round, ratios are taken inside a round, medians are reported.

Needs h2load (apt: nghttp2-client). LiteLLM is installed into an environment of its own; where that fails, it is left out and the
file says so. Writes bench/results/openai_http.json with every turn. `--rounds N` for another number of rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
from rich.console import Console
from rich.progress import track
from rich.table import Table

from harness.stack.running_stack import RunningStack
from weir.cli.stack import Stack, open_stack, start_stack, stop_stack
from weir.cli.stack.layout import repository

from .echo_gateways import DEFINITION, READY_S, echo_upstream, free_port, gateway
from .gateway_overhead import TEXT
from .h2load import Target
from .results import Machine, load
from .run import BYSTANDERS

HOME = repository() / ".weir" / "bench" / "openai"
RESULTS = repository() / "bench" / "results" / "openai_http.json"
ENVIRONMENT = repository() / ".weir" / "bench" / "environments" / "litellm"
LITELLM = "litellm[proxy]==1.110.2"
MASTER_KEY = "sk-bench"
TRITON, WEIR, PEER = "Triton's own HTTP", "Weir", "LiteLLM"
ROUNDS = 7
"""Interleaved rounds. Arbitrary; any value from 5 to 20 would do."""
CALLS: Mapping[str, Mapping[int, int]] = {"unary": {1: 800, 16: 3_200}, "stream": {1: 60, 16: 160}}
"""Calls of a turn by shape and by how many are under way. Chosen: each takes about a second."""
UNSURE = (TRITON, "stream", 16)
"""Target, shape and calls under way that are left out: of 160 streams on 16 kept connections Triton 2.51 left some unended."""
LITELLM_SHARE = 8
"""LiteLLM gets one call in so many of these, sixteen at least. Chosen: its turns take about as long as the others'."""
SPOOL_BYTES = 8_589_934_592
"""What the gateway may spool while its drain is stopped: all calls of a run."""
TOKENS_MODEL = {
    **DEFINITION,
    "name": "tokens",
    "spec": {
        "task": "chat",
        "unary_model": None,
        "stream_model": "tokens",
        "input": "text_input",
        "card": {"description": "Answers in a hundred pieces.", "kind": "echo", "license": "Apache-2.0"},
    },
}
PEER_CONFIG = """
model_list:
- {{model_name: echo, litellm_params: {{model: triton/echo, api_base: "http://{triton}/v2/models/echo/generate"}}}}
- {{model_name: tokens, litellm_params: {{model: triton/tokens, api_base: "http://{triton}/v2/models/tokens/generate"}}}}
general_settings: {{master_key: {key}}}
litellm_settings: {{telemetry: false, num_retries: 0}}
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One target in one round: a shape of call with so many under way."""

    target: str
    shape: str
    round: int
    at_once: int
    p50_us: float
    p99_us: float
    calls_per_second: float
    proxy_cpu_us: float
    """CPU time of a call in the process that speaks OpenAI's HTTP; 0 for Triton."""
    cpu_pressure: float
    """Part of the turn in which something waited for a core."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One target: where each shape goes, what tells the CPU time of its process, and its part of the calls."""

    targets: Mapping[str, Target]
    cpu_s: Callable[[], float]
    share: int = 1


def main(arguments: list[str]) -> int:
    """Run everything. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args(arguments).rounds
    out, before = Console(width=150), load()
    if shutil.which("h2load") is None:
        out.print("h2load is missing: apt-get install nghttp2-client")
        return 2
    has_peer = _install_peer(out)
    stop_stack(HOME)
    shutil.rmtree(HOME, ignore_errors=True)
    start_stack(HOME)
    try:
        turns = _measured(open_stack(HOME), rounds, has_peer=has_peer)
    finally:
        stop_stack(HOME)
    machine = Machine(os.cpu_count() or 1, before, load())
    document = {
        "command": "make bench-openai",
        "machine": asdict(machine),
        "peer": LITELLM if has_peer else "not installed",
        "turns": [asdict(turn) for turn in turns],
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    out.print(table_of(turns))
    return 0


def table_of(turns: list[Turn]) -> Table:
    """Medians over the rounds of latency alone, what is added to Triton's own, and throughput as a part of another target's."""
    rounds = len({turn.round for turn in turns})
    table = Table(title=f"medians of {rounds} rounds; ratios to a target in the same round")
    names = (
        "p50 us at 1",
        "added p50",
        "of Triton's",
        "c=1 / Triton",
        "c=16 / Triton",
        "c=16 / LiteLLM",
        "CPU us at 16",
        "pressure",
    )
    for column in ("shape", "target", *names):
        table.add_column(column)
    by_place = {(turn.target, turn.shape, turn.round, turn.at_once): turn for turn in turns}

    def ratios(mine: list[Turn], base: str, at_once: int, value: Callable[[Turn], float]) -> list[float]:
        pairs = [
            (turn, by_place.get((base, turn.shape, turn.round, at_once))) for turn in mine if turn.at_once == at_once
        ]
        return [value(turn) / value(other) for turn, other in pairs if other is not None]

    for shape, target in dict.fromkeys((turn.shape, turn.target) for turn in turns):
        mine = [turn for turn in turns if (turn.shape, turn.target) == (shape, target)]
        alone = [turn for turn in mine if turn.at_once == 1]
        columns: list[list[float]] = [
            [turn.p50_us for turn in alone],
            [turn.p50_us - by_place[TRITON, shape, turn.round, 1].p50_us for turn in alone],
            [ratio - 1 for ratio in ratios(mine, TRITON, 1, lambda turn: turn.p50_us)],
            ratios(mine, TRITON, 1, lambda turn: turn.calls_per_second),
            ratios(mine, TRITON, 16, lambda turn: turn.calls_per_second),
            ratios(mine, PEER, 16, lambda turn: turn.calls_per_second),
            [turn.proxy_cpu_us for turn in mine if turn.at_once == 16],
            [turn.cpu_pressure for turn in mine],
        ]
        table.add_row(shape, target, *map(_median, columns))
    return table


def _median(values: list[float]) -> str:
    if not values:
        return "-"
    middle = statistics.median(values)
    return f"{middle:,.2f}" if abs(middle) < 10 else f"{middle:,.0f}"


def _measured(stack: Stack, rounds: int, *, has_peer: bool) -> list[Turn]:
    for name in (*BYSTANDERS, "lineage"):
        stack.supervisor.stop(name)
    folder = HOME / "bodies"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as running:
        upstream = running.enter_context(echo_upstream(stack))
        own = RunningStack(stack.layout.home)
        body = {"documents": [TOKENS_MODEL], "author": "bench", "dry_run": False}
        url = f"{stack.endpoints.registry_url}/v1/apply"
        httpx2.post(url, json=body, headers=own.authorization).raise_for_status()
        keys_file = str(own.endpoints.keys_file)
        settings = {"WEIR_GATEWAY_SPOOL_BYTES_MAX": str(SPOOL_BYTES), "WEIR_GATEWAY_KEYS_FILE": keys_file}
        weir = running.enter_context(gateway(stack, upstream, "openai", settings=settings))
        weir.freeze()
        subjects = {
            TRITON: Subject(_at_triton(folder, upstream.triton_http), lambda: 0.0),
            WEIR: Subject(_in_openais_form(folder, weir.page, own.api_key, "weir"), weir.cpu_s),
        }
        if has_peer:
            page, process = running.enter_context(_peer(folder, upstream.triton_http))
            subjects[PEER] = Subject(
                _in_openais_form(folder, page, MASTER_KEY, "peer"), lambda: _cpu_s(process), LITELLM_SHARE
            )
        for name, subject in subjects.items():
            _check(name, subject)
        turns = list[Turn]()
        for number in track(range(rounds), "rounds"):
            for name in list(subjects) if number % 2 == 0 else list(subjects)[::-1]:
                turns += [
                    _turn(name, subjects[name], shape, number, at_once, calls)
                    for shape, counts in CALLS.items()
                    for at_once, calls in counts.items()
                    if (name, shape, at_once) != UNSURE
                ]
        weir.thaw()
        return turns


def _turn(name: str, subject: Subject, shape: str, number: int, at_once: int, calls: int) -> Turn:
    calls = max(calls // subject.share, 16)
    cpu_s, waited_us, began_s = subject.cpu_s(), _waited_us(), time.perf_counter()
    load = subject.targets[shape].load(calls, at_once, at_once)
    took_s = time.perf_counter() - began_s
    all_calls = calls + subject.targets[shape].warm_up_calls(calls, at_once)
    cpu_us = (subject.cpu_s() - cpu_s) / all_calls * 1e6
    pressure = (_waited_us() - waited_us) / (took_s * 1e6)
    return Turn(name, shape, number, at_once, load.p50_us, load.p99_us, load.calls_per_second, cpu_us, pressure)


def _at_triton(folder: Path, address: str) -> dict[str, Target]:
    infer = {"inputs": [{"name": "text_input", "shape": [1], "datatype": "BYTES", "data": [TEXT]}]}
    headers = {"content-type": "application/json"}
    return {
        "unary": _target(f"http://{address}/v2/models/echo/infer", headers, folder / "triton-unary.json", infer),
        "stream": _target(
            f"http://{address}/v2/models/tokens/generate_stream",
            headers,
            folder / "triton-stream.json",
            {"text_input": TEXT},
        ),
    }


def _in_openais_form(folder: Path, page: str, key: str, name: str) -> dict[str, Target]:
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": TEXT}]}
    bodies = {"unary": {"model": "echo", **asked}, "stream": {"model": "tokens", "stream": True, **asked}}
    url = f"{page}/v1/chat/completions"
    return {shape: _target(url, headers, folder / f"{name}-{shape}.json", body) for shape, body in bodies.items()}


def _target(url: str, headers: Mapping[str, str], path: Path, body: object) -> Target:
    path.write_text(json.dumps(body))
    return Target(url, headers, path, is_http1=True)


def _check(name: str, subject: Subject) -> None:
    """Ask each shape once until it answers. Raises ValueError when an answer is another one than the model's."""
    for shape, word in (("unary", TEXT.strip()), ("stream", "token 99 ")):
        target, pause, end_s = subject.targets[shape], threading.Event(), time.monotonic() + READY_S
        while True:
            answer = httpx2.post(
                target.url, content=target.body.read_bytes(), headers=dict(target.headers), timeout=30.0
            )
            if answer.status_code == 200 or time.monotonic() > end_s:
                break
            pause.wait(0.2)  # the gateway reads the registry's changes after it listens
        if answer.status_code != 200 or word not in answer.text:
            raise ValueError(f"{name}, {shape}: {answer.status_code} {answer.text[:300]!r}; expected {word[:40]!r}")


def _install_peer(out: Console) -> bool:
    """Whether LiteLLM's proxy is there; it is installed where it is missing."""
    stamp = ENVIRONMENT / "installed"
    if stamp.exists() and stamp.read_text() == LITELLM:
        return True
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "-q", LITELLM],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            out.print(f"LiteLLM is left out: {' '.join(done.stderr.split())[-300:]}")
            return False
    stamp.write_text(LITELLM)
    return True


@contextlib.contextmanager
def _peer(folder: Path, triton: str) -> Iterator[tuple[str, psutil.Process]]:
    """LiteLLM's proxy before Triton for the length of the block: its URL and process."""
    config, port = folder / "litellm.yaml", free_port()
    config.write_text(PEER_CONFIG.format(triton=triton, key=MASTER_KEY))
    command = [
        str(ENVIRONMENT / "bin" / "litellm"),
        "--config",
        str(config),
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
    ]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (folder / "litellm.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        _until_alive(f"http://127.0.0.1:{port}/health/liveliness")
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _until_alive(url: str) -> None:
    pause, end_s = threading.Event(), time.monotonic() + 2 * READY_S
    while time.monotonic() < end_s:
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(url, timeout=5.0).status_code == 200:
                return
        pause.wait(0.2)
    raise TimeoutError(f"{url} was not alive within {2 * READY_S:g} s")


def _cpu_s(process: psutil.Process) -> float:
    """CPU time of a process and its children, seconds."""
    family = [process, *process.children(recursive=True)]
    return float(sum(one.cpu_times().user + one.cpu_times().system for one in family))


def _waited_us() -> int:
    """Microseconds since the start of the machine in which something waited for a core; 0 where the kernel does not count."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/pressure/cpu").read_text().split("total=")[1].split()[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
