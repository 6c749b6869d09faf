"""`python -m bench.forwarders` (make bench-forwarders): a call direct to Triton, through nginx, and through Weir.

The load is h2load (C), so that the client hides nothing: one connection with one call under way, four connections with 8 and
32. Weir runs on either gRPC library (`WEIR_RPC`), the whole path: gateway, inference, authentication, limits, capture `process`.
The drains are stopped; `fast, drain running` has its drain. Rounds are interleaved, their order is turned every other round,
ratios are taken inside a round, medians are reported. h2load takes a gRPC error inside HTTP 200 for success, so the bytes of
the answers are compared with those of a direct call.

Needs h2load and nginx (apt: nghttp2-client nginx-light). Writes bench/results/forwarders.json with every round.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from tritonclient.grpc import service_pb2

from weir.cli.stack import Stack, open_stack, start_stack, stop_stack
from weir.cli.stack.layout import repository

from .echo_gateways import Gateway, echo_upstream, free_port, gateway, inference
from .gateway_overhead import TEXT
from .h2load import Target
from .results import Machine, load
from .run import BYSTANDERS

HOME = repository() / ".weir" / "bench" / "forwarders"
RESULTS = repository() / "bench" / "results" / "forwarders.json"
ROUNDS = 7
"""Interleaved rounds. Arbitrary; any value from 5 to 20 would do: medians of seven differ by some hundredths between two runs."""
CALLS = {1: 1_500, 8: 4_000, 32: 6_000}
"""Calls of a turn by how many are under way. Chosen: each takes about a second or more."""
CONNECTIONS = 4
"""Connections where several calls are under way."""
SPOOL_BYTES = 8_589_934_592
"""What a gateway may spool while its drain is stopped: all calls of a run, about 1 GB."""
PATH = "/inference.GRPCInferenceService/ModelInfer"
HEADERS = {"content-type": "application/grpc", "te": "trailers"}
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream triton {{ server {triton}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port} http2; location / {{ grpc_pass grpc://triton; }} }} }}
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One target in one round with so many calls under way."""

    target: str
    round: int
    at_once: int
    p50_us: float
    p99_us: float
    calls_per_second: float


def main() -> int:
    """Run everything. Returns the exit code."""
    out, before = Console(width=140), load()
    for tool in ("h2load", "nginx"):
        if shutil.which(tool) is None:
            out.print(f"{tool} is missing: apt-get install nghttp2-client nginx-light")
            return 2
    stop_stack(HOME)
    shutil.rmtree(HOME, ignore_errors=True)
    start_stack(HOME)
    try:
        turns = _measured(open_stack(HOME))
    finally:
        stop_stack(HOME)
    machine = Machine(os.cpu_count() or 1, before, load())
    document = {
        "command": "make bench-forwarders",
        "machine": asdict(machine),
        "turns": [asdict(turn) for turn in turns],
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    out.print(table_of(turns))
    return 0


def table_of(turns: list[Turn]) -> Table:
    """Medians over the rounds: latency alone, what is added, and throughput as a part of the direct one in the same round."""
    table = Table(title=f"medians of {ROUNDS} rounds, {len(TEXT)} bytes of text")
    for column in (
        "target",
        "p50 us at 1",
        "added p50",
        "of direct",
        "added p99",
        "of direct p99",
        "c=1",
        "c=8",
        "c=32",
    ):
        table.add_column(column)
    direct = {(turn.round, turn.at_once): turn for turn in turns if turn.target == "direct"}
    for target in dict.fromkeys(turn.target for turn in turns):
        mine = [turn for turn in turns if turn.target == target]
        alone = [(turn, direct[turn.round, 1]) for turn in mine if turn.at_once == 1]
        cells = [statistics.median(turn.p50_us for turn, _ in alone)]
        cells.append(statistics.median(turn.p50_us - base.p50_us for turn, base in alone))
        cells.append(statistics.median((turn.p50_us - base.p50_us) / base.p50_us for turn, base in alone))
        cells.append(statistics.median(turn.p99_us - base.p99_us for turn, base in alone))
        cells.append(statistics.median((turn.p99_us - base.p99_us) / base.p99_us for turn, base in alone))
        cells += [
            statistics.median(
                turn.calls_per_second / direct[turn.round, at_once].calls_per_second
                for turn in mine
                if turn.at_once == at_once
            )
            for at_once in CALLS
        ]
        table.add_row(target, *(f"{cell:,.2f}" if abs(cell) < 10 else f"{cell:,.0f}" for cell in cells))
    return table


def _measured(stack: Stack) -> list[Turn]:
    for name in (*BYSTANDERS, "lineage"):
        stack.supervisor.stop(name)
    folder = HOME / "forwarders"
    folder.mkdir(parents=True, exist_ok=True)
    request = write_request(folder)
    with contextlib.ExitStack() as running:
        upstream = running.enter_context(echo_upstream(stack))
        targets: dict[str, str] = {"direct": upstream.triton}
        targets["nginx"] = running.enter_context(_nginx(folder, upstream.triton))
        gateways: dict[str, Gateway] = {}
        for library in ("fast", "reference"):
            settings = {"WEIR_RPC": library, "WEIR_GATEWAY_SPOOL_BYTES_MAX": str(SPOOL_BYTES)}
            address = running.enter_context(inference(stack, upstream.triton, f"fwd-{library}", settings))
            behind = replace(upstream, inference=address)
            gateways[library] = running.enter_context(gateway(stack, behind, f"fwd-{library}", settings=settings))
            gateways[library].freeze()
            targets[library] = gateways[library].address
        targets["fast, drain running"] = gateways["fast"].address
        size = target_of(upstream.triton, request).load(100, 1, 1).data_bytes // 100
        turns: list[Turn] = []
        for number in track(range(ROUNDS), "rounds"):
            names = list(targets) if number % 2 == 0 else list(targets)[::-1]
            for name in names:
                is_draining = name.endswith("drain running")
                if is_draining:
                    gateways["fast"].thaw()
                target = target_of(targets[name], request)
                turns += [_turn(name, number, target, at_once, size) for at_once in CALLS]
                if is_draining:
                    gateways["fast"].freeze()
        for one in gateways.values():
            one.thaw()
        return turns


def _turn(name: str, number: int, target: Target, at_once: int, answer_bytes: int) -> Turn:
    calls = CALLS[at_once]
    load = target.load(calls, at_once, min(CONNECTIONS, at_once))
    if load.data_bytes != calls * answer_bytes:
        raise ValueError(f"{name}: {calls} answers have {load.data_bytes} bytes; {calls * answer_bytes} were expected")
    return Turn(name, number, at_once, load.p50_us, load.p99_us, load.calls_per_second)


def target_of(address: str, request: Path) -> Target:
    """The model `echo` behind a gRPC address. request: the file of `write_request`."""
    return Target(f"http://{address}{PATH}", HEADERS, request)


def write_request(folder: Path) -> Path:
    """A file with the message that each call sends."""
    message = service_pb2.ModelInferRequest(model_name="echo", id="1")
    message.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    message.outputs.add(name="text_output")
    message.raw_input_contents.append(len(TEXT).to_bytes(4, "little") + TEXT.encode())
    wire = message.SerializeToString()
    path = folder / "request.bin"
    path.write_bytes(b"\0" + len(wire).to_bytes(4, "big") + wire)
    return path


@contextlib.contextmanager
def _nginx(folder: Path, triton: str) -> Iterator[str]:
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, triton=triton, port=port))
    process = subprocess.Popen(
        ["nginx", "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
