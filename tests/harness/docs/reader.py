"""A reader of the documentation: an empty folder that looks like a checkout, a shell, and a stack that the README starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import yaml
from confluent_kafka import Producer

from harness.docs.far_server import FarServer
from harness.docs.named_commands import PLACEHOLDER
from harness.docs.pages import ROOT, Block
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually
from weir.cli.stack import stop_stack
from weir.cli.stack.ports import DEFAULTS, HOST
from weir.cli.stack.secrets import write_private

KEPT_BY_SET_UP = ("corpus", "kafka")
"""What `make setup` leaves in `.weir`: the same for every stack of a checkout."""

REMEMBERED = "export -p > .shell"
"""A shell that is opened again knows what was exported before, as the reader's own does."""


def _is_seen(stack: RunningStack, url: str) -> bool:
    return any(one["tenant"] == "demo" for one in stack.get(url, "")["items"])


class Reader:
    """Types what pages say, in one shell, in the folder of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / ".weir"
        self.far_url = ""
        """Base URL of the reader's own OpenAI server."""
        for path in ROOT.iterdir():
            if path.name not in (".weir", ".git", "secrets"):
                (folder / path.name).symlink_to(path)
        self.home.mkdir()
        for name in KEPT_BY_SET_UP:
            (self.home / name).symlink_to(ROOT / ".weir" / name)

    @property
    def stack(self) -> RunningStack:
        """The stack that the README started."""
        return RunningStack(self.home)

    def run(self, block: Block) -> str:
        """What a block prints. Raises AssertionError with all it said when it ends with another exit code than 0."""
        text = self.filled(block.text)
        if block.language == "python":
            self.until_served()
            return self.typed(f"python - <<'PYTHON'\n{text}\nPYTHON", block.place)
        if block.language == "sql":
            return self.typed(f"weir sql \"$(cat <<'SQL'\n{text}\nSQL\n)\"", block.place)
        return self.typed(text, block.place)

    def typed(self, script: str, place: str) -> str:
        """What a script prints. Every line must succeed."""
        before = "[ -f .shell ] && . ./.shell\nset -euo pipefail\n"
        done = subprocess.run(
            ["bash", "-c", f"{before}{script}\n{REMEMBERED}\n"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "WEIR_HOME": str(self.home), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{place}\n{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def filled(self, text: str) -> str:
        """The text with its placeholders filled in, and with this stack's ports where the usual ones were taken."""
        for name in sorted(set(PLACEHOLDER.findall(text))):
            text = text.replace(name, WORDS[name[1:-1]](self))
        return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda found: str(self._ports().get(int(found[0]), found[0])), text)

    def until_ready(self) -> None:
        """Until every process of the stack can work: a command before may have started one anew."""
        eventually(lambda: not self.stack.inner.missing(), within_s=PATIENCE_S, what="the whole stack ready")

    def until_served(self) -> None:
        """Until the gateway has heard of what was registered; in practice before a reader has turned the page."""
        stack = self.stack
        headers = {"authorization": f"Bearer {stack.api_key}"}
        url = f"{stack.gateway_http}/v1/models/docs-qa"
        eventually(
            lambda: httpx2.get(url, headers=headers, timeout=PATIENCE_S).status_code == 200,
            within_s=PATIENCE_S,
            what="the route docs-qa",
        )

    def until_seen(self) -> None:
        """Until the calls so far are stored and their stream is known to drift."""
        stack = self.stack
        stack.until_count("v_inference_responses", "tenant = 'demo'", 1)
        stack.until_count("v_evaluation_scores", "tenant = 'demo'", 1)
        streams = f"{stack.endpoints.drift_url}/v1/streams", f"{stack.endpoints.drift_url}/v1/quality"
        for url in streams:
            eventually(
                partial(_is_seen, stack, url),
                within_s=PATIENCE_S,
                what=f"the demo's stream at {url}",
            )

    def dead_letter(self) -> str:
        """Id of a dead letter of lineage, made by a message that nobody can read."""
        producer = Producer({"bootstrap.servers": self.stack.kafka_bootstrap})
        producer.produce("feedback", key=b"reader", value=b'{"not": "avro"}', partition=0)
        assert producer.flush(60) == 0
        where = "message_key = 'reader' AND consumer_group = 'lineage'"
        self.stack.until_count("v_dead_letters", where, 1)
        return str(self.stack.sql(f"SELECT event_id FROM v_dead_letters WHERE {where} LIMIT 1")[0][0])

    def silence(self) -> str:
        """Id of a silence."""
        made = self.typed("weir alert silence add alertname=nobody --for 1h --comment reading --json", "a silence")
        return str(json.loads(made)["id"])

    def _ports(self) -> Mapping[int, int]:
        record = self.home / "stack.json"
        ports = json.loads(record.read_text())["ports"] if record.exists() else {}
        return {DEFAULTS[name]: port for name, port in ports.items()}


WORDS: Mapping[str, Callable[[Reader], str]] = {
    "request id": lambda reader: str(
        reader.stack.sql("SELECT request_id FROM v_inference_responses ORDER BY event_time_us DESC LIMIT 1")[0][0]
    ),
    "tenant": lambda _: "demo",
    "route": lambda _: "docs-qa",
    "part": lambda _: "answer-length",
    "group": lambda _: "lineage",
    "topic": lambda _: "inference-responses",
    "reason": lambda _: "bad_magic",
    "service": lambda _: "alerts",
    "rule": lambda _: "drift-page",
    "receiver": lambda _: "demo",
    "before the hole": lambda _: "1h",
    "dead letter": Reader.dead_letter,
    "silence": Reader.silence,
    "base URL of your server": lambda reader: reader.far_url,
    "drift URL": lambda reader: reader.stack.endpoints.drift_url,
    "alerts URL": lambda reader: reader.stack.alerts_url,
}
"""What a reader fills in for each placeholder of the pages."""


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    """A reader, and a webhook receiver named demo that answers; the stack is stopped at the end."""
    server, far = ThreadingHTTPServer((HOST, 0), Receiver), ThreadingHTTPServer((HOST, 0), FarServer)
    for one in (server, far):
        threading.Thread(target=one.serve_forever, daemon=True).start()
    reader = Reader(folder)
    reader.far_url = f"http://{HOST}:{far.server_port}/v1"
    secrets = reader.home / "secrets"
    secrets.mkdir(mode=0o700)
    demo = {"name": "demo", "url": f"http://{HOST}:{server.server_port}/", "allow_private": True}
    write_private(
        secrets / "receivers.yaml",
        yaml.safe_dump({"receivers": [{**demo, "secret_file": str(secrets / "demo-webhook.secret")}]}),
    )
    try:
        yield reader
    finally:
        stop_stack(reader.home)
        for one in (server, far):
            one.shutdown()
            one.server_close()
        shutil.rmtree(reader.home)


class Receiver(BaseHTTPRequestHandler):
    """Takes every webhook."""

    def do_POST(self) -> None:
        """Read it, and say that it arrived."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
