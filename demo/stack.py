"""The running stack as the demo needs it: started and stopped around a block, its addresses, its memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from demo.evidence import Evidence
from demo.receiver import Receiver
from demo.settings import DemoSettings
from demo.terminal import step
from weir.cli.stack import StackError, open_stack, start_stack, stop_stack
from weir.cli.stack.layout import Layout, layout
from weir.cli.stack.ports import PortTaken
from weir.cli.stack.secrets import write_private
from weir.cli.stack.sight import look
from weir.cli.stack.state import State
from weir.cli.stack.topics import TopicsDiffer

DEMO_TENANT = "demo"
"""Tenant of the demo's key."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the stack listens, and what a client needs to know. URLs are base URLs without a trailing slash."""

    kafka_bootstrap: str
    registry_url: str
    lineage_url: str
    gateway_http: str
    gateway_grpc: str
    drift_url: str
    api_key: str
    http_token_file: Path
    tenant: str
    corpus_dir: Path

    @property
    def token_header(self) -> dict[str, str]:
        """The header that the APIs of the other services ask for."""
        return {"authorization": f"Bearer {self.http_token_file.read_text().strip()}"}

    @property
    def key_header(self) -> dict[str, str]:
        """The header that names the caller to the gateway."""
        return {"authorization": f"Bearer {self.api_key}"}


class StackFailed(Exception):
    """The stack did not come up; the text names the process and its log."""


class StackInTheWay(Exception):
    """A stack lives in the demo's folder already; the text says which state it is in and what to do."""


def check_free(place: Layout) -> None:
    """Raises StackInTheWay where anything of a stack lives: the demo deletes its data, and it is somebody's."""
    seen = look(place)
    if seen.state is not State.STOPPED or seen.members:
        text, _ = seen.explained
        raise StackInTheWay(
            f"{text}; the demo starts one on fresh data in the same folder, which would delete this one's: "
            "`weir down` first (or `make down`)"
        )


@contextmanager
def running(settings: DemoSettings, receiver: Receiver, evidence: Evidence, out: Console) -> Iterator[Endpoints]:
    """The embedded stack for the length of the block, on fresh data, its webhooks sent to `receiver`.

    Raises StackInTheWay, before anything is touched, where a stack lives; StackFailed when a part does not start.
    """
    home = settings.repository / ".weir"
    place = layout(home)
    check_free(place)
    _forget(home, out)
    place.make()
    write_private(place.secrets / "demo-webhook.secret", receiver.secret + "\n")
    step(out, "starting the stack: Kafka, Triton, ClickHouse and the services")
    try:
        found = start_stack(home, None, receiver.url, tell=lambda line: out.print(f"  {line}", highlight=False))
    except (StackError, PortTaken, TopicsDiffer) as error:
        raise StackFailed(str(error)) from error
    try:
        evidence.stack_ready_seconds = found.ready_seconds
        step(out, f"stack ready in {found.ready_seconds} s")
        yield Endpoints(
            kafka_bootstrap=found.kafka_bootstrap,
            registry_url=found.registry_url,
            lineage_url=found.lineage_url,
            gateway_http=found.gateway_http,
            gateway_grpc=found.gateway_grpc,
            drift_url=found.drift_url,
            api_key=Path(found.demo_key_file).read_text().strip(),
            http_token_file=Path(found.environment["WEIR_HTTP_TOKEN_FILE"]),
            tenant=DEMO_TENANT,
            corpus_dir=place.corpus,
        )
    finally:
        _stop(home, found.instance, out)


def memory_mib(settings: DemoSettings) -> float:
    """Proportional set size of all processes of the stack together, MiB."""
    rows = open_stack(settings.repository / ".weir").status()
    return round(sum(float(row["pss_mib"]) for row in rows), 1)


FORGOTTEN = ("data", "run", "log")
"""Folders of an earlier run that the demo deletes: its counts are of this run alone."""


def _forget(home: Path, out: Console) -> None:
    if (home / "data").exists():
        step(out, f"deleting what an earlier stack left in .weir: {', '.join(FORGOTTEN)}")
    for name in FORGOTTEN:
        shutil.rmtree(home / name, ignore_errors=True)


def _stop(home: Path, instance: str, out: Console) -> None:
    """Stop the demo's own start of the stack. Raises StackFailed naming what still runs."""
    step(out, "stopping the stack")
    try:
        stop_stack(home, instance=instance, tell=lambda line: _told(out, line))
    except StackError as error:
        raise StackFailed(f"the demo's stack still runs in part: {error}; then `weir down`") from error


def _told(out: Console, line: str) -> None:
    out.print(f"  {line}", highlight=False, markup=False)
