"""The running stack as tests see it: where it is, what is stored, and how to take a part of it away."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from harness.store.sql_answers import answered, rows_in
from harness.waiting import PATIENCE_S, RECOVER_WITHIN_S, NeverHappened, eventually
from weir.cli.stack import Endpoints, Stack, open_stack
from weir.cli.stack.layout import repository
from weir.cli.stack.secrets import add_key, new_key
from weir.events import TOPICS

TOLD_LINES = 20
"""Lines of the store's log in the words of a test that waited in vain. Arbitrary: any value from 5 to 50 would do."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """The stack of this test run."""

    home: Path

    @property
    def inner(self) -> Stack:
        """The stack as the command line knows it."""
        return open_stack(self.home)

    @property
    def endpoints(self) -> Endpoints:
        """Its addresses."""
        return self.inner.endpoints

    @property
    def kafka_bootstrap(self) -> str:
        return self.endpoints.kafka_bootstrap

    @property
    def registry_url(self) -> str:
        return self.endpoints.registry_url

    @property
    def lineage_url(self) -> str:
        return self.endpoints.lineage_url

    @property
    def alerts_url(self) -> str:
        return self.endpoints.alerts_url

    @property
    def gateway_grpc(self) -> str:
        return self.endpoints.gateway_grpc

    @property
    def gateway_http(self) -> str:
        return self.endpoints.gateway_http

    @property
    def triton_grpc(self) -> str:
        return self.endpoints.triton_grpc

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process that belongs to the stack."""
        return self.endpoints.environment

    @property
    def http_token(self) -> str:
        """Token of the services' HTTP APIs."""
        return Path(self.environment["WEIR_HTTP_TOKEN_FILE"]).read_text().strip()

    @property
    def authorization(self) -> dict[str, str]:
        """Headers that show the token."""
        return {"authorization": f"Bearer {self.http_token}"}

    @property
    def schema_client(self) -> dict[str, str]:
        """Configuration of a stock schema registry client that may write."""
        return {"url": self.registry_url, "basic.auth.user.info": f"weir:{self.http_token}"}

    @property
    def data_dir(self) -> Path:
        return self.home / "data"

    @property
    def api_key(self) -> str:
        """A key for tenant demo that may ask, embed, look and judge."""
        return Path(self.endpoints.demo_key_file).read_text().strip()

    @property
    def corpus_digest(self) -> str:
        """Digest of the corpus the model serves."""
        manifest = json.loads((repository() / ".weir" / "corpus" / "corpus-current.json").read_text())
        return str(manifest["digest"])

    def key_with_scopes(self, *scopes: str) -> str:
        """A fresh key with these scopes; the gateway reads it within about a second."""
        keys_file = Path(self.endpoints.keys_file)
        taken = {key["id"] for key in json.loads(keys_file.read_text())["keys"]}
        text, stored = new_key(f"test-{len(taken)}", "demo", scopes)
        add_key(keys_file, stored)
        headers = {"authorization": f"Bearer {text}"}
        eventually(
            lambda: (
                httpx2.get(f"{self.gateway_http}/v1/models", headers=headers, timeout=PATIENCE_S).status_code != 401
            ),
            within_s=PATIENCE_S,
            what="the new key at the gateway",
        )
        return text

    def get(self, base: str, path: str) -> Any:
        """JSON of a page; a busy service is asked again. Raises httpx2.HTTPStatusError for another error page."""
        page = answered(lambda: httpx2.get(base + path, headers=self.authorization, timeout=PATIENCE_S))
        return page.raise_for_status().json()

    def sql(self, query: str) -> list[list[Any]]:
        """Rows of a query over the published views; a busy store is asked again."""
        url, headers = f"{self.lineage_url}/v1/sql", self.authorization
        return rows_in(answered(lambda: httpx2.post(url, json={"query": query}, headers=headers, timeout=PATIENCE_S)))

    def count(self, view: str, where: str) -> int:
        """Rows of a view."""
        return int(self.sql(f"SELECT count() FROM {view} WHERE {where}")[0][0])

    def until_count(self, view: str, where: str, at_least: int, *, within_s: float = PATIENCE_S) -> None:
        """Wait until a view holds at least so many rows; a store that is starting is asked again.

        Raises NeverHappened that also says how the store was: its process, its readiness, the last warnings of its log.
        """
        last = "no answer"

        def look() -> bool:
            nonlocal last
            try:
                found = self.count(view, where)
            except httpx2.TransportError as error:
                last = repr(error)
                return False
            last = f"{found} rows"
            return found >= at_least

        try:
            eventually(look, within_s=within_s, what=f"{at_least} rows of {view} where {where[:200]}")
        except NeverHappened as error:
            raise NeverHappened(f"{last}; {error}\n{self._store_now()}") from None

    def _store_now(self) -> str:
        """How the store is, for a test that waited for it in vain."""
        try:
            readiness = httpx2.get(f"{self.lineage_url}/readyz", timeout=10).text
        except httpx2.TransportError as error:
            readiness = repr(error)
        lines = (self.home / "log" / "lineage.log").read_text(errors="replace").splitlines()
        told = [line[:400] for line in lines if '"level": "info"' not in line][-TOLD_LINES:]
        return "\n".join([f"lineage: pid {self.pid('lineage')}, {readiness}", *told])

    def request(self, request_id: str) -> Any:
        """A stored call, whole: its two rows come in two inserts. One that was refused before it had a request has one row."""
        where = f"request_id = '{request_id}'"
        self.until_count("v_inference_responses", where, 1)
        if self.count("v_inference_responses", f"{where} AND request_event_id != ''"):
            self.until_count("v_inference_requests", where, 1)
        return self.get(self.lineage_url, f"/v1/requests/{request_id}")

    def trace(self, trace_id: str) -> Any:
        """A stored trace; None while there is none."""
        answer = httpx2.get(f"{self.lineage_url}/v1/traces/{trace_id}", headers=self.authorization, timeout=PATIENCE_S)
        return answer.json() if answer.status_code == 200 else None

    def schema_id(self, topic: str) -> int:
        """Id of the schema a topic is written with."""
        assert topic in TOPICS
        return int(self.get(self.registry_url, f"/subjects/{topic}-value/versions/latest")["id"])

    def pid(self, process: str) -> int:
        """Process id; 0 when it does not run."""
        return next(int(info["pid"]) for info in self.inner.supervisor.processes() if info["name"] == process)

    def kill(self, process: str, number: signal.Signals) -> None:
        """Send a signal; the supervisor starts a killed process again. One that is just starting is waited for."""
        eventually(lambda: self.pid(process), within_s=PATIENCE_S, what=f"{process} running")
        self.inner.supervisor.signal(process, number)

    def stop(self, process: str) -> None:
        """Take a process away until `start`."""
        self.inner.supervisor.stop(process)

    def start(self, process: str) -> None:
        """Bring a process back."""
        self.inner.supervisor.start(process)

    def until_ready(self, process: str, *, within_s: float = RECOVER_WITHIN_S) -> None:
        """Wait until a process can do its work."""
        eventually(lambda: self.inner.is_ready(process), within_s=within_s, what=f"{process} ready")


def apply_examples(stack: RunningStack) -> None:
    """Apply the example registry with the command line, as the README says."""
    command = [str(repository() / ".venv" / "bin" / "weir"), "apply", "-f", str(repository() / "examples" / "registry")]
    command += ["--set-from", f"corpus={repository() / '.weir' / 'corpus' / 'corpus-current.json'}"]
    applied = subprocess.run(
        [*command, "--author", "tests"],
        env={"WEIR_HOME": str(stack.home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, applied.stdout + applied.stderr
