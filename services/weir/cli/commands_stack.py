"""Commands for the stack itself: up, down, restart, status, logs, doctor."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from weir.cli.output import CliError, ExitCode, emit_json, emit_table, emit_text, say

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
DISK_FREE_GIB_MIN = 2.0
"""Free disk below which `doctor` complains. Chosen: the stack's retention stays under that on one machine."""


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once everything is ready.")] = False,
    port: Annotated[
        list[str] | None, typer.Option(help="Use this port: name=number; names as in `weir status`.")
    ] = None,
    demo_receiver: Annotated[str | None, typer.Option(help="URL of the webhook receiver named demo.")] = None,
    json: Json = False,
) -> None:
    """Start the embedded stack; without --detach, stay until Ctrl-C and stop it then."""
    from dataclasses import asdict

    endpoints = _started(_wishes(port or []), demo_receiver)
    if json:
        emit_json({name: value for name, value in asdict(endpoints).items() if name != "environment"})
    else:
        emit_text(_welcome(endpoints))
    if not detach:
        _until_interrupted()
        down()


def down(json: Json = False) -> None:
    """Stop the stack, services first, Kafka last."""
    from weir.cli.stack import stop_stack

    stopped = stop_stack(tell=say)
    if json:
        emit_json({"stopped": stopped})
    elif not stopped:
        say("no stack was running")


def restart(process: str, json: Json = False) -> None:
    """Restart one process of the running stack."""
    supervisor = _open().supervisor
    _known(process)
    supervisor.stop(process)
    supervisor.start(process, wait=True)
    if json:
        emit_json({"restarted": process})


def status(json: Json = False) -> None:
    """Processes with their memory (proportional set size), and the addresses."""
    stack = _open()
    try:
        rows = stack.status()
    except ConnectionError as error:
        raise CliError(ExitCode.NOT_READY, f"the stack's supervisor is gone: {error}", "weir down; weir up") from error
    total = round(sum(float(row["pss_mib"]) for row in rows), 1)
    ports = stack.endpoints.ports
    if json:
        emit_json({"processes": rows, "pss_mib": total, "ports": ports, "home": stack.endpoints.home})
        return
    emit_table(rows, ("name", "state", "is_ready", "pid", "uptime_s", "pss_mib"))
    emit_text(
        f"memory in all: {total:.0f} MiB (proportional set size)\nports: {', '.join(f'{k} {v}' for k, v in ports.items())}"
    )


def logs(
    process: str,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """The end of a process's log."""
    _known(process)
    path = Path(_open().layout.logs) / f"{process}.log"
    found = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
    if json:
        emit_json({"process": process, "path": str(path), "lines": found})
    else:
        emit_text("\n".join(found))


def doctor(json: Json = False) -> None:
    """What this machine and the running stack lack, and what to do about it."""
    checks = [*_machine_checks(), *_stack_checks()]
    if json:
        emit_json({"checks": checks, "ok": all(check["ok"] for check in checks)})
    else:
        emit_table(checks, ("check", "ok", "found", "do"))
    if not all(check["ok"] for check in checks):
        raise typer.Exit(ExitCode.NOT_READY)


def _started(wishes: dict[str, int], demo_receiver: str | None) -> Any:
    from weir.cli.stack import StackError, start_stack
    from weir.cli.stack.ports import PortTaken
    from weir.cli.stack.topics import TopicsDiffer

    try:
        return start_stack(None, wishes, demo_receiver, tell=say)
    except (StackError, PortTaken, TopicsDiffer) as error:
        raise CliError(ExitCode.NOT_READY, str(error), "weir doctor") from error


def _open() -> Any:
    from weir.cli.stack import StackError, open_stack

    try:
        return open_stack()
    except StackError as error:
        raise CliError(ExitCode.NOT_READY, str(error), "weir up") from error


def _known(process: str) -> None:
    names = [item.name for item in _open().table()]
    if process not in names:
        raise CliError(ExitCode.NOT_FOUND, f"no process is named {process!r}", f"one of {', '.join(names)}")


def _wishes(settings: list[str]) -> dict[str, int]:
    wishes = {}
    for item in settings:
        name, _, number = item.partition("=")
        if not number.isdigit():
            raise CliError(ExitCode.USAGE, f"--port {item!r} is not name=number", "for example --port gateway=8080")
        wishes[name] = int(number)
    return wishes


def _until_interrupted() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    asked = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    say("running; Ctrl-C stops the stack")
    asked.wait()


def _welcome(endpoints: Any) -> str:
    return f"""stack ready in {endpoints.ready_seconds} s
  gRPC (Open Inference Protocol)  {endpoints.gateway_grpc}   loopback callers without a key are tenant 'local'
  HTTP (OpenAI)                   {endpoints.gateway_http}/v1
  registry and schemas            {endpoints.registry_url}
  Kafka                           {endpoints.kafka_bootstrap}
  key                             {endpoints.demo_key_file}

import tritonclient.grpc as triton; client = triton.InferenceServerClient("{endpoints.gateway_grpc}")
import openai; client = openai.OpenAI(base_url="{endpoints.gateway_http}/v1", api_key="<the key in that file>")
weir sql "SELECT route, outcome, count() FROM v_inference_responses GROUP BY ALL"
"""


def _machine_checks() -> list[dict[str, object]]:
    from weir.cli.stack.layout import layout
    from weir.runtime.durable import private_folder

    place = layout()
    private_folder(place.home, is_ours=False)
    free_gib = shutil.disk_usage(place.home).free / 2**30
    version = ".".join(map(str, sys.version_info[:3]))
    return [
        _check("python", sys.version_info[:2] == (3, 11), version, "use Python 3.11"),
        _check("java", shutil.which("java") is not None, shutil.which("java") or "none", "make setup"),
        _check("maven", shutil.which("mvn") is not None, shutil.which("mvn") or "none", "make setup"),
        _check("disk", free_gib >= DISK_FREE_GIB_MIN, f"{free_gib:.1f} GiB free", f"free {DISK_FREE_GIB_MIN:.0f} GiB"),
        _check("kafka jars", any(place.jars.glob("kafka_*.jar")), str(place.jars), "make setup"),
        _check(
            "models' environment", (place.models_env / "bin" / "python").exists(), str(place.models_env), "make setup"
        ),
        _check("corpus", (place.corpus / "corpus-current.json").exists(), str(place.corpus), "make setup"),
    ]


def _stack_checks() -> list[dict[str, object]]:
    from weir.cli.stack import StackError, open_stack

    try:
        stack = open_stack()
        rows = stack.status()
    except (StackError, ConnectionError, FileNotFoundError):
        return [_check("stack", True, "not running", "")]
    late = [row["name"] for row in rows if not row["is_ready"]]
    return [
        _check(
            "processes", not late, "all ready" if not late else f"not ready: {', '.join(late)}", "weir logs <process>"
        ),
        _check("schemas", *_schemas(stack.endpoints.registry_url)),
        _check("home", os.access(stack.layout.home, os.W_OK), str(stack.layout.home), "make it writable"),
    ]


def _schemas(registry_url: str) -> tuple[bool, str, str]:
    """Whether the registry's newest schemas are compatible with this build's."""
    import httpx2

    from weir.events import SCHEMA_JSON, TOPICS

    bad = []
    for name, topic in TOPICS.items():
        url = f"{registry_url}/compatibility/subjects/{name}-value/versions/latest"
        try:
            answer = httpx2.post(url, json={"schema": SCHEMA_JSON[topic.event]}, timeout=10, trust_env=False)
        except httpx2.HTTPError as error:
            return False, f"registry unreachable: {error}", "weir logs registry"
        if not (answer.status_code == 200 and answer.json().get("is_compatible")):
            bad.append(name)
    return not bad, "compatible" if not bad else f"not compatible: {', '.join(bad)}", "see docs on evolving schemas"


def _check(name: str, ok: bool, found: str, do: str) -> dict[str, object]:
    return {"check": name, "ok": ok, "found": found, "do": "" if ok else do}
