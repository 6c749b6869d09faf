"""The real Alertmanager, Debian's: as oracle of what is told when, and as receiver of our alerts."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from harness.samples.alerts_world import QUALITY, SECOND_US, World
from harness.stack.service_process import free_port
from harness.waiting import PATIENCE_S, eventually
from weir.alerts.adapters.receivers import receivers_from
from weir.alerts.adapters.webhook import WebhookSender, resolve
from weir.alerts.app.deliverer import Deliverer
from weir.alerts.core.grouping import Timing
from weir.alerts.core.matcher import matcher_from
from weir.alerts.core.retry import Policy
from weir.alerts.core.silence import Silence
from weir.events import DriftSignalled
from weir.runtime.clock import now_us

PROGRAM = "prometheus-alertmanager"
WAIT_S, INTERVAL_S, REPEAT_S = 2, 4, 14
END_S = 50.0
"""Seconds of the timeline. Nothing happens within 0.8 s of a tick of a group: other tests run beside it."""

Step = tuple[float, str, str, str]
"""Seconds from the start, what happens, the route and the part of the alert it happens to (for a silence: how long)."""

TIMELINE: Sequence[Step] = (
    # One group of two, told after group_wait; one of one beside it.
    (0.0, "fired", "x", "a"), (0.8, "fired", "x", "b"), (0.0, "fired", "y", "c"),
    # A cause and what it inhibits until it is over.
    (0.0, "fired", "z", "cause"), (0.2, "fired", "z", "effect"),
    # An end, and a newcomer, each told at the next tick; the group beside it is told again after repeat_interval.
    (7.2, "cleared", "x", "b"), (11.2, "fired", "x", "d"), (12.0, "cleared", "z", "cause"),
    (16.0, "cleared", "x", "a"), (16.0, "cleared", "x", "d"),
    # A silence over a newcomer, which is told when it ends.
    (20.4, "silence", "y", "8"), (21.2, "fired", "y", "e"),
    # One that ended before anyone was told.
    (24.0, "fired", "q", "f"), (24.8, "cleared", "q", "f"), (24.0, "cleared", "z", "effect"),
    (32.0, "cleared", "y", "c"), (32.0, "cleared", "y", "e"),
    # The first one again.
    (38.0, "fired", "x", "a"), (44.8, "cleared", "x", "a"),
)  # fmt: skip

Told = dict[str, list[tuple[str, frozenset[tuple[str, str]]]]]
"""By group, in order: the status of each notification, and part and status of each alert in it."""


@dataclass
class Inbox:
    """A webhook receiver that keeps what it is told."""

    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                inbox.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """What arrived is looked at, not logged."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


@pytest.fixture
def alertmanager(tmp_path: Path, inbox: Inbox) -> Iterator[str]:
    """Base URL of an Alertmanager that tells the inbox."""
    program = shutil.which(PROGRAM)
    assert program, f"{PROGRAM} is missing; run: make setup-tests (or apt install {PROGRAM})"
    port = free_port()
    url = f"http://127.0.0.1:{inbox.server.server_address[1]}/"
    route = {
        "receiver": "demo", "group_by": ["alertname", "route"], "group_wait": f"{WAIT_S}s",
        "group_interval": f"{INTERVAL_S}s", "repeat_interval": f"{REPEAT_S}s",
    }  # fmt: skip
    inhibit = {"source_matchers": ["alertname=cause"], "target_matchers": ["severity=warn"], "equal": ["route"]}
    config = {
        "route": route, "inhibit_rules": [inhibit],
        "receivers": [{"name": "demo", "webhook_configs": [{"url": url, "send_resolved": True}]}],
    }  # fmt: skip
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    options = {
        "config.file": str(tmp_path / "alertmanager.yml"), "storage.path": str(tmp_path / "am"),
        "web.listen-address": f"127.0.0.1:{port}", "cluster.listen-address": "", "log.level": "error",
    }  # fmt: skip
    process = subprocess.Popen([program, *(f"--{name}={value}" for name, value in options.items())])
    base = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        try:
            return httpx2.get(f"{base}/-/ready", timeout=2, trust_env=False).is_success
        except httpx2.HTTPError:
            return False

    eventually(is_up, within_s=PATIENCE_S, what="Alertmanager")
    yield base
    process.terminate()
    process.wait(10)


def labels(route: str, part: str) -> dict[str, str]:
    """Labels of one alert of the timeline, as Alertmanager gets them."""
    return {
        "alertname": rule_of(part),
        "severity": "warn" if part == "effect" else "page",
        "route": route,
        "part": part,
    }


def rule_of(part: str) -> str:
    return part if part in ("cause", "effect") else "r"


def rfc3339(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def heard_from_alertmanager(base: str, inbox: Inbox) -> Told:
    """The timeline in real time through Alertmanager."""
    start_s = time.monotonic()
    began: dict[tuple[str, str], datetime] = {}
    for at_s, what, route, part in sorted(TIMELINE):
        time.sleep(max(0.0, start_s + at_s - time.monotonic()))
        now = datetime.now(UTC)
        if what == "silence":
            matcher = {"name": "route", "value": route, "isRegex": False, "isEqual": True}
            end = now + timedelta(seconds=float(part))
            body: Any = {
                "matchers": [matcher],
                "startsAt": rfc3339(now),
                "endsAt": rfc3339(end),
                "createdBy": "me",
                "comment": "c",
            }
            path = "/api/v2/silences"
        else:
            began[route, part] = began.get((route, part), now) if what == "cleared" else now
            end = now if what == "cleared" else now + timedelta(hours=1)
            starts = rfc3339(began[route, part])
            body = [{"labels": labels(route, part), "annotations": {}, "startsAt": starts, "endsAt": rfc3339(end)}]
            path = "/api/v2/alerts"
        httpx2.post(f"{base}{path}", json=body, trust_env=False, timeout=PATIENCE_S).raise_for_status()
    time.sleep(max(0.0, start_s + END_S - time.monotonic()))
    return in_order(inbox.bodies)


def heard_from_weir(file: Path) -> Told:
    """The same timeline by the world's clock through our alerts."""
    second = SECOND_US
    world = World(file, timing=Timing(WAIT_S * second, INTERVAL_S * second, REPEAT_S * second), step_us=second // 20)
    inhibits = [{"target": {"severity": "warn"}, "equal": ["route"]}]
    world.rule("r", match={"part": list("abcdef")})
    world.rule("cause", match={"part": "cause"}, inhibits=inhibits)
    world.rule("effect", match={"part": "effect"}, severity="warn")
    start_us = world.now_us
    for at_s, what, route, part in sorted(TIMELINE):
        world.wait((start_us - world.now_us) / second + at_s)
        if what == "silence":
            end_us = world.now_us + int(part) * second
            made = Silence("s", (matcher_from(f"route={route}"),), world.now_us, end_us, "me", "c", world.now_us)
            world.alerts.add_silence(made, world.now_us)
        else:
            world.drift(what, route=route, part=part)
    world.wait((start_us - world.now_us) / second + END_S)
    world.database.close()
    return in_order(world.bodies)


def in_order(bodies: Sequence[dict[str, Any]]) -> Told:
    told = defaultdict(list)
    for body in bodies:
        said = frozenset((one["labels"]["part"], one["status"]) for one in body["alerts"])
        told[f"{body['groupLabels']['alertname']} {body['groupLabels']['route']}"].append((body["status"], said))
    return dict(told)


@pytest.mark.capability("O12")
def test_the_same_is_told_as_alertmanager_tells(alertmanager: str, inbox: Inbox, tmp_path: Path) -> None:
    ours = heard_from_weir(tmp_path / "alerts.db")

    assert heard_from_alertmanager(alertmanager, inbox) == ours
    assert len(ours) == 4
    assert sum(map(len, ours.values())) >= 12


@pytest.mark.capability("U6", is_check=True, clause="Alertmanager")
async def test_alertmanager_takes_our_alerts_and_their_end(alertmanager: str, tmp_path: Path) -> None:
    entry = {"name": "am", "kind": "alertmanager", "url": alertmanager, "allow_private": True}
    (tmp_path / "receivers.yaml").write_text(yaml.safe_dump({"receivers": [entry]}))
    receivers = receivers_from(tmp_path / "receivers.yaml")
    world = World(tmp_path / "alerts.db", receivers={"am": "alertmanager"}, now_us=now_us())
    sender = WebhookSender(resolve, 5.0, 65_536)
    deliverer = Deliverer(world.database, sender, receivers, Policy(3_600.0, 0.1, 1.0), lambda: 0.5, world.spans.append)
    stop = asyncio.Event()
    running = asyncio.create_task(deliverer.run(stop))
    # odd: a label name that Alertmanager does not take as it is
    world.rule("r", receivers=["am"], labels={"team-name": "search"})

    async def shown(count: int, severity: str = "page") -> list[dict[str, Any]]:
        async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False) as client:
            while True:
                world.alerts.pass_time(world.now_us)
                world.now_us = now_us()
                deliverer.announce()
                found = (await client.get(f"{alertmanager}/api/v2/alerts", params={"active": "true"})).json()
                if len(found) == count and all(one["labels"]["severity"] == severity for one in found):
                    return list(found)
                await asyncio.sleep(0.1)

    await world.handle(DriftSignalled, **QUALITY, state="fired")
    (alert,) = await shown(1)
    assert alert["labels"]["team_name"] == "search"
    assert alert["annotations"]["summary"] == "judge "

    world.rule("r", receivers=["am"], labels={"team-name": "search"}, severity="warn")
    (edited,) = await shown(1, severity="warn")
    assert edited["labels"] == {**alert["labels"], "severity": "warn"}

    await world.handle(DriftSignalled, **QUALITY, state="cleared")
    assert await shown(0) == []
    stop.set()
    await running
    world.database.close()
