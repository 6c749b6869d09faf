"""Commands for the stack itself: up, down, restart, status, logs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from weir.cli.interrupts import interruptible
from weir.cli.output import CliError, ExitCode, Json, emit, emit_json, emit_table, emit_text, say

PORT_DIGITS_MAX = 5
"""Digits of a port number."""

WATCH_S = 2.0
"""Seconds between looks of a waiting `weir up` at whether its stack still runs; a look reads /proc for some milliseconds."""


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once everything is ready.")] = False,
    port: Annotated[
        list[str] | None, typer.Option(help="Use this port: name=number; names as in `weir status`.")
    ] = None,
    demo_receiver: Annotated[
        str | None, typer.Option(help="URL of the webhook receiver named demo, for this start.")
    ] = None,
    json: Json = False,
) -> None:
    """Start the embedded stack; without --detach, stay until Ctrl-C and stop it then."""
    from dataclasses import asdict

    with interruptible():
        endpoints = _start(_wishes(port or []), demo_receiver)
        if json:
            emit_json({name: value for name, value in asdict(endpoints).items() if name != "environment"})
        else:
            emit_text(_welcome(endpoints))
        if not detach:
            _stay(endpoints)


def down(json: Json = False) -> None:
    """Stop the stack, services first, Kafka last; also what a dead supervisor left behind."""
    stopped = _stop(None)
    if json:
        emit_json({"stopped": stopped})
    elif not stopped:
        say("no stack was running")


def restart(process: str, json: Json = False) -> None:
    """Restart one process of the running stack, and wait until it can work again."""
    from weir.cli.stack import StackError
    from weir.cli.stack.restarting import restart_process

    stack = _running()
    _demand_known(process)
    try:
        restart_process(stack, process)
    except ConnectionError as error:
        raise CliError(ExitCode.NOT_READY, f"{process} did not restart: {error}", "weir status") from error
    except StackError as error:
        raise CliError(ExitCode.NOT_READY, str(error), f"weir logs {process}") from error
    emit({"restarted": process}, f"{process} has started again and is ready", json)


def status(json: Json = False) -> None:
    """Processes with their memory (proportional set size), and the addresses; exit code 4 when it is not a whole stack."""
    from weir.cli.stack.state import State

    seen = _seen()
    if seen.state is State.STOPPED:
        raise CliError(ExitCode.NOT_READY, *seen.explained)
    rows = _rows(seen)
    whole = seen.state is State.RUNNING
    document = {
        "state": str(seen.state),
        "processes": rows,
        "pss_mib": round(sum(float(row["pss_mib"]) for row in rows), 1),
        "ports": _ports(seen),
        "home": str(seen.place.home),
    }
    text, advice = seen.explained
    if json:
        error = {} if whole else {"error": {"code": int(ExitCode.NOT_READY), "message": text, "hint": advice}}
        emit_json({**document, **error})
    else:
        _show(document)
    if not whole:
        if not json:
            say(f"weir: {text}\n  try: {advice}")
        raise typer.Exit(ExitCode.NOT_READY)


def logs(
    process: str,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """The end of a process's log."""
    _demand_known(process)
    path = Path(_open().layout.logs) / f"{process}.log"
    found = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
    emit({"process": process, "path": str(path), "lines": found}, "\n".join(found), json)


def _start(wishes: dict[str, int], demo_receiver: str | None) -> Any:
    from weir.cli.stack import StackError, start_stack
    from weir.cli.stack.errors import StackLives
    from weir.cli.stack.ports import PortTaken
    from weir.cli.stack.topics import TopicsDiffer

    try:
        return start_stack(None, wishes, demo_receiver, tell=say)
    except StackLives as error:
        raise CliError(ExitCode.NOT_READY, str(error), "weir status, or weir down") from error
    except (StackError, PortTaken, TopicsDiffer) as error:
        raise CliError(ExitCode.NOT_READY, str(error), "weir doctor") from error
    except KeyboardInterrupt as error:
        raise CliError(ExitCode.INTERRUPTED, "interrupted; what had been started is stopped again") from error


def _stay(endpoints: Any) -> None:
    """Wait for an interrupt and stop this start of the stack then; say so when it ends by other hands."""
    try:
        say("running; Ctrl-C stops the stack")
        while _supervises(endpoints.instance):
            time.sleep(WATCH_S)
    except KeyboardInterrupt:
        _stop(endpoints.instance)
        return
    seen = _seen()
    if endpoints.instance in seen.instances:
        raise CliError(ExitCode.NOT_READY, *seen.explained)
    say("the stack was stopped elsewhere")


def _supervises(instance: str) -> bool:
    """Whether the supervisor of this start lives."""
    from weir.cli.stack.layout import layout
    from weir.cli.stack.members import SUPERVISOR, members

    return any(one.name == SUPERVISOR and one.instance == instance for one in members(layout()))


def _stop(instance: str | None) -> bool:
    from weir.cli.stack import StackError, stop_stack

    try:
        return stop_stack(instance=instance, tell=say)
    except StackError as error:
        raise CliError(ExitCode.UNEXPECTED, str(error), "weir doctor") from error


def _seen() -> Any:
    from weir.cli.stack.layout import layout
    from weir.cli.stack.sight import look

    return look(layout())


def _rows(seen: Any) -> list[dict[str, Any]]:
    """A row for each process: as the supervisor knows it, else as it is found alive."""
    from weir.cli.stack import StackError, open_stack

    try:
        if seen.facts.is_answered:
            return open_stack().status()
    except (StackError, ConnectionError):
        pass  # it ended, or its record is gone: what lives is shown as it is found
    from weir.cli.stack.memory import tree_pss_mib

    first = {member.name: member.process for member in reversed(seen.members)}
    return [
        {
            "name": name,
            "state": str(seen.state),
            "pid": process.pid,
            "uptime_s": int(time.time() - process.create_time()),
            "pss_mib": round(tree_pss_mib(process.pid), 1),
            "is_ready": False,
        }
        for name, process in sorted(first.items())
    ]


def _ports(seen: Any) -> dict[str, int]:
    from weir.cli.stack.record import UnreadableRecord, read_record

    try:
        record = read_record(seen.place)
    except UnreadableRecord:
        return {}
    return record.ports if record else {}


def _show(document: dict[str, Any]) -> None:
    emit_table(document["processes"], ("name", "state", "is_ready", "pid", "uptime_s", "pss_mib"))
    ports = ", ".join(f"{name} {number}" for name, number in document["ports"].items()) or "unknown"
    emit_text(f"memory in all: {document['pss_mib']:.0f} MiB (proportional set size)\nports: {ports}")


def _running() -> Any:
    """The stack of this folder. Raises CliError unless its supervisor answers."""
    seen = _seen()
    if not seen.facts.is_answered:
        raise CliError(ExitCode.NOT_READY, *seen.explained)
    return _open()


def _open() -> Any:
    from weir.cli.stack import StackError, open_stack

    try:
        return open_stack()
    except StackError as error:
        raise CliError(ExitCode.NOT_READY, str(error), "weir up") from error


def _demand_known(process: str) -> None:
    from weir.cli.stack import StackError

    try:
        names = [item.name for item in _open().table()]
    except StackError as error:
        raise CliError(ExitCode.NOT_READY, str(error), "weir down") from error
    if process not in names:
        raise CliError(ExitCode.NOT_FOUND, f"no process is named {process!r}", f"one of {', '.join(names)}")


def _wishes(settings: list[str]) -> dict[str, int]:
    wishes: dict[str, int] = {}
    for item in settings:
        name, _, number = item.partition("=")
        if not (number.isascii() and number.isdigit()) or len(number) > PORT_DIGITS_MAX:
            raise CliError(ExitCode.USAGE, f"--port {item!r} is not name=number", "for example --port gateway=8080")
        if name in wishes:
            raise CliError(ExitCode.USAGE, f"--port names {name!r} twice", "name each port once")
        wishes[name] = int(number)
    return wishes


def _welcome(endpoints: Any) -> str:
    from weir.cli.stack.layout import layout

    place = layout()
    examples, corpus = place.root / "examples" / "registry", place.corpus / "corpus-current.json"
    apply = f"weir apply -f {examples} --set-from corpus={corpus}"
    advice = "" if _knows_models() else f"\nThis stack knows no model. The examples' are registered by:\n{apply}\n"
    return f"""stack ready in {endpoints.ready_seconds} s
  gRPC (Open Inference Protocol)  {endpoints.gateway_grpc}   loopback callers without a key are tenant 'local'
  HTTP (OpenAI)                   {endpoints.gateway_http}/v1
  OTLP (OpenTelemetry)            {endpoints.otlp_url} (HTTP), {endpoints.otlp_grpc} (gRPC)
  registry and schemas            {endpoints.registry_url}
  SQL (ClickHouse HTTP)           http://127.0.0.1:{endpoints.ports["lineage_sql"]}   token: that of the HTTP APIs
  Kafka                           {endpoints.kafka_bootstrap}
  key                             {_key_of(endpoints)}
{advice}
import tritonclient.grpc as triton; client = triton.InferenceServerClient("{endpoints.gateway_grpc}")
import openai; client = openai.OpenAI(base_url="{endpoints.gateway_http}/v1", api_key="<the key in that file>")
weir sql "SELECT route, outcome, count() FROM v_inference_responses GROUP BY ALL"
"""


def _key_of(endpoints: Any) -> str:
    """Where the text of the demo key is; what to do where that key was revoked."""
    from weir.cli.stack.secrets import is_stored

    if is_stored(Path(endpoints.keys_file), Path(endpoints.demo_key_file)):
        return str(endpoints.demo_key_file)
    return "the demo key is revoked; another one: weir keys create NAME --tenant TENANT --scope infer"


def _knows_models() -> bool:
    from weir.cli import client

    return bool(client.get("registry", "/v1/assets", kind="model")["items"])
