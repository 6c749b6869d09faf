"""The command doctor: what this machine and the stack lack, looked at and not remembered, and what to do about it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from weir.cli.output import CliError, ExitCode, Json, emit_rows
from weir.runtime.surroundings import proxies_in, spares_loopback

DISK_FREE_GIB_MIN = 2.0
"""Free disk below which it complains: the stack's retention stays under that on one machine."""

JAVA_MIN = 17
"""Oldest Java that Kafka 4 brokers run on."""

CLOCK_AHEAD_S = 5.0
"""Seconds by which a file may be newer than now before the clock is said to be behind: file times are of the same clock."""

CLOCK_EARLIEST_S = 1_767_225_600
"""2026-01-01 UTC: this software is younger than any clock that says less."""

RUN_S = 10.0
"""Seconds `java -version` may take; it takes 0.1."""

Checked = dict[str, object]


def doctor(json: Json = False) -> None:
    """What this machine and the running stack lack, and what to do about it."""
    checks = [*_machine_checks(), *_folder_checks(), *_stack_checks()]
    emit_rows(
        {"checks": checks, "ok": all(check["ok"] for check in checks)}, checks, ("check", "ok", "found", "do"), json
    )
    if not all(check["ok"] for check in checks):
        raise typer.Exit(ExitCode.NOT_READY)


def _machine_checks() -> Iterator[Checked]:
    from weir.cli.stack.layout import layout

    place = layout()
    python = ".".join(map(str, sys.version_info[:3]))
    yield _check("python", sys.version_info[:2] == (3, 11), python, "use Python 3.11")
    yield _check("java", *_java(), f"make setup, or install Java {JAVA_MIN}")
    yield _check("maven", shutil.which("mvn") is not None, shutil.which("mvn") or "none", "make setup")
    yield _check("kafka jars", any(place.jars.glob("kafka_*.jar")), str(place.jars), "make setup")
    models = place.models_env / "bin" / "python"
    yield _check("models' environment", models.exists(), str(place.models_env), "make setup")
    yield _check("corpus", (place.corpus / "corpus-current.json").exists(), str(place.corpus), "make setup")
    yield _check("proxies", True, _proxies(), "")


def _folder_checks() -> Iterator[Checked]:
    from weir.cli.stack import StackError
    from weir.cli.stack.layout import layout
    from weir.cli.stack.openai_servers import check_openai_servers
    from weir.cli.stack.receivers import check_receivers
    from weir.cli.stack.secrets import check_keys

    place = layout()
    there = next(folder for folder in (place.home, *place.home.parents) if folder.exists())
    yield _check("home", os.access(there, os.W_OK), str(place.home), "make it writable, or set WEIR_HOME")
    free_gib = shutil.disk_usage(there).free / 2**30
    yield _check("disk", free_gib >= DISK_FREE_GIB_MIN, f"{free_gib:.1f} GiB free", f"free {DISK_FREE_GIB_MIN:.0f} GiB")
    yield _check("clock", *_clock(place.home), "set the clock (timedatectl)")
    for name, file, look in (
        ("keys", place.keys_file, check_keys),
        ("receivers", place.receivers_file, check_receivers),
        ("openai servers", place.openai_servers_file, check_openai_servers),
    ):
        try:
            if file.exists():
                look(file)
        except StackError as error:
            yield _check(name, False, str(error), "mend the file; what is in it cannot be used until then")
        else:
            yield _check(name, True, str(file) if file.exists() else "none yet", "")


def _stack_checks() -> Iterator[Checked]:
    from weir.cli.stack.layout import layout
    from weir.cli.stack.sight import look
    from weir.cli.stack.state import State

    seen = look(layout())
    text, advice = seen.explained
    is_well = seen.state in (State.RUNNING, State.STARTING) or (seen.state is State.STOPPED and not seen.members)
    yield _check("stack", is_well, text, advice)
    if seen.state is State.STOPPED:
        yield _check("ports", True, _taken_ports(), "")
    elif seen.facts.is_answered:
        yield from _running_checks()


def _running_checks() -> Iterator[Checked]:
    from weir.cli.stack import StackError, open_stack

    try:
        stack = open_stack()
        late = stack.missing()
    except (StackError, ConnectionError) as error:
        yield _check("processes", False, str(error), "weir down; weir up")
        return
    found = "; ".join(f"{name}: {reason}" for name, reason in late.items())
    yield _check("processes", not late, found or "all ready", "weir logs <process>")
    yield _check(
        "schemas",
        *_schemas(stack.endpoints.registry_url),
        "run the code that wrote them, or add fields with defaults only (schemas/README.md)",
    )
    yield _check("receivers of rules", *_receivers_of_rules(), "weir logs alerts")
    yield _check("rules in force", *_rules_in_force(), "weir logs alerts")


def _receivers_of_rules() -> tuple[bool, str]:
    """Whether the alerts service says which receivers its rules have, and which of them it does not know.

    One that is unknown is no fault of the machine or the stack: the rule is in force, and its alerts are shown.
    """
    from weir.cli import client

    try:
        rules = client.get("alerts", "/v1/rules")["items"]
    except CliError as error:
        return False, error.message
    named = [f"{rule['name']} names {', '.join(one)}" for rule in rules if (one := rule["unknown_receivers"])]
    if not named:
        return True, "all known"
    return True, f"not in the receivers file, so not notified (docs/alerts.md): {'; '.join(named)}"


def _rules_in_force() -> tuple[bool, str]:
    """Whether alerts and the registry say which stored rules are not in force. One that is not is no fault: it may be meant."""
    from weir.cli import client
    from weir.cli.rules_in_force import rules_not_in_force, why_not

    try:
        answer = client.get("alerts", "/v1/rules")
    except CliError as error:
        return False, error.message
    others = rules_not_in_force(answer)
    if others is None:
        return False, "whether other rules are stored is unknown"
    if not others:
        return True, "all that are stored"
    return True, f"stored and not in force: {'; '.join(why_not(one, answer['alias']) for one in others)}"


def _java() -> tuple[bool, str]:
    path = shutil.which("java")
    if path is None:
        return False, "none"
    try:
        ran = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=RUN_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"{path} does not run: {error}"
    text = ran.stderr + ran.stdout
    found = re.search(r'version "(\d+)', text)
    is_enough = ran.returncode == 0 and found is not None and int(found[1]) >= JAVA_MIN
    return is_enough, f"{path} {found[1] if found else text.strip()[:80] or ran.returncode}"


def _clock(home: Path) -> tuple[bool, str]:
    """Whether now is after everything that was written here, and after this software was made."""
    now_s = time.time()
    written = [path.stat().st_mtime for path in (home / "log", home / "run", home / "stack.json") if path.exists()]
    ahead_s = max(written, default=0.0) - now_s
    said = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s))
    if ahead_s > CLOCK_AHEAD_S:
        return False, f"{said}; files in {home} were written {ahead_s:.0f} s later than that"
    return now_s >= CLOCK_EARLIEST_S, said


def _proxies() -> str:
    environment = _as_started()
    proxies = proxies_in(environment)
    if not proxies:
        return "none set"
    found = f"{', '.join(proxies)} set; Weir itself reaches loopback directly"
    return found if spares_loopback(environment) else f"{found}; your own programs need NO_PROXY=127.0.0.1,localhost"


def _as_started() -> dict[str, str]:
    """This process's environment as its shell gave it; the command line has its own since (`surroundings`)."""
    words = Path("/proc/self/environ").read_bytes().split(b"\0")
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in (word.partition(b"=") for word in words)}


def _taken_ports() -> str:
    from weir.cli.stack.ports import DEFAULTS, is_free

    taken = [f"{name} {port}" for name, port in DEFAULTS.items() if not is_free(port)]
    return f"in use, others will be taken: {', '.join(taken)}" if taken else "all defaults are free"


def _schemas(registry_url: str) -> tuple[bool, str]:
    """Whether the registry's newest schemas are compatible with this build's."""
    import httpx2

    from weir.events import SCHEMA_JSON, TOPICS

    bad = []
    for name, topic in TOPICS.items():
        url = f"{registry_url}/compatibility/subjects/{name}-value/versions/latest"
        try:
            answer = httpx2.post(url, json={"schema": SCHEMA_JSON[topic.event]}, timeout=10, trust_env=False)
            is_compatible = answer.status_code == 200 and answer.json().get("is_compatible") is True
        except (httpx2.HTTPError, ValueError) as error:
            return False, f"the registry does not answer: {error!r}"
        if not is_compatible:
            bad.append(name)
    return not bad, "compatible" if not bad else f"not compatible: {', '.join(bad)}"


def _check(name: str, ok: bool, found: str, do: str) -> dict[str, Any]:
    return {"check": name, "ok": ok, "found": found, "do": "" if ok else do}
