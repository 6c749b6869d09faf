"""From features to a signed webhook: shifted traffic on a stream of its own, judged by the stock verifier."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from confluent_kafka import Producer
from standardwebhooks.webhooks import Webhook

from harness.calls.asking import ask_over_triton
from harness.samples.shifted_traffic import ENVELOPE, OTHER_WORDS, STEADY_WORDS, Traffic
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually, lasts
from weir.cli.stack.layout import repository
from weir.cli.stack.secrets import write_private
from weir.events import FeatureItem, encode_body, frame
from weir.runtime.clock import now_us

pytestmark = pytest.mark.stack
ROUTE = "alarm-test"
STEADY, SHIFTED = 1_200, 100
"""Events before and after the change (the reference takes the first 1,000)."""

SLOW: dict[str, Any] = {
    "kind": "rule", "name": "alarm-test-slow", "version": "1", "aliases": ["prod"],
    "spec": {
        "source": "inference-responses", "match": {"route": "docs-qa", "protocol": "oip-grpc"},
        "calls": {
            "measure": "latency_p95_ms", "op": ">", "value": 1500, "window_s": 10, "calls_min": 5, "by": ["tenant", "route"],
        },
        "severity": "page", "group_by": ["route"], "receivers": ["demo"],
        "annotations": {"summary": "{measure} of {route} is {value}", "request": "{request_id}"},
    },
}  # fmt: skip
"""A rule over calls. Its window is the shortest there is."""

FROZEN_S, CALLERS = 2.0, 8
"""Seconds for which the model is frozen: above the rule's threshold; and the calls that wait for it."""

WEBHOOK_WITHIN_S = 60.0
"""Seconds from a change to its webhook: the target of docs/drift-howto.md, "Read an alert"."""


class Inbox:
    """Deliveries that came, each verified by the stock library as it arrived."""

    def __init__(self, secret: str) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.slow: list[dict[str, Any]] = []
        self.tests: list[dict[str, Any]] = []
        self._webhook = Webhook(secret)
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                inbox.take(body, dict(self.headers.items()))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Deliveries are looked at, not logged."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        """Keep a delivery of these tests whose signature is right; verify raises for a wrong one."""
        verified = dict(self._webhook.verify(body, headers))
        if any(alert["labels"]["alertname"] == SLOW["name"] for alert in verified["alerts"]):
            self.slow.append(verified)
        if any(alert["labels"].get("route") == ROUTE for alert in verified["alerts"]):
            self.bodies.append(verified)
        if "weir_test" in verified["groupLabels"]:
            self.tests.append(verified)


@pytest.fixture(scope="module")
def inbox(stack: RunningStack) -> Iterator[Inbox]:
    secrets = stack.home / "secrets"
    inbox = Inbox((secrets / "demo-webhook.secret").read_text().strip())
    thread = threading.Thread(target=inbox.server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{inbox.server.server_address[1]}/"
    receiver = {"name": "demo", "url": url, "secret_file": str(secrets / "demo-webhook.secret"), "allow_private": True}
    write_private(secrets / "receivers.yaml", yaml.safe_dump({"receivers": [receiver]}))
    stack.stop("alerts")
    stack.start("alerts")
    stack.until_ready("alerts")
    yield inbox
    inbox.server.shutdown()
    inbox.server.server_close()
    thread.join()


def weir(stack: RunningStack, *arguments: str) -> Any:
    """A command's JSON document."""
    ran = subprocess.run(
        [str(repository() / ".venv" / "bin" / "weir"), *arguments, "--json"],
        env={"WEIR_HOME": str(stack.home), "PATH": "/usr/bin:/bin", "USER": "tests"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.capability("O12", is_check=True, clause="test-fire")
def test_the_command_line_tests_a_receiver_and_keeps_silences(stack: RunningStack, inbox: Inbox) -> None:
    sent = weir(stack, "alert", "test", "--receiver", "demo")["items"]
    assert [(one["status"], one["state"], one["attempts"]) for one in sent] == [
        ("firing", "delivered", 1),
        ("resolved", "delivered", 1),
    ]
    assert [body["status"] for body in inbox.tests] == ["firing", "resolved"]

    made = weir(stack, "alert", "silence", "add", "route=nowhere", "--for", "2h", "--comment", "a test")
    listed = weir(stack, "alert", "silence", "list", "--state", "active")["items"]
    assert [(one["owner"], one["comment"]) for one in listed if one["id"] == made["id"]] == [("tests", "a test")]
    assert weir(stack, "alert", "silence", "expire", made["id"])["state"] == "expired"


def publish(stack: RunningStack, traffic: Traffic, made: list[FeatureItem], first_seq: int) -> None:
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap})
    schema_id = stack.schema_id("text-features")
    for envelope in traffic.envelopes(made, first_seq):
        producer.produce("text-features", key=f"demo/{ROUTE}", value=frame(schema_id, encode_body(envelope)))
    assert producer.flush(30) == 0


@pytest.mark.capability("O6", "O7", "O8")
@pytest.mark.capability("O12", is_check=True, clause="webhook in time")
@pytest.mark.capability("U6", is_check=True, clause="verifier")
def test_a_change_in_the_traffic_ends_in_a_signed_webhook_that_names_it(stack: RunningStack, inbox: Inbox) -> None:
    centres = np.random.default_rng(0).normal(size=(2, 384)) * 0.05
    life = int(hashlib.sha256(str(stack.endpoints.ports).encode()).hexdigest()[:8], 16)
    traffic = Traffic("alarm", "demo", ROUTE, boot_epoch=life, at_us=now_us())
    changed = traffic.items(SHIFTED, STEADY, OTHER_WORDS, centres[1] - 0.05)
    publish(stack, traffic, traffic.items(STEADY, 0, STEADY_WORDS, centres[0] + 0.05), 0)

    def events_seen() -> bool:
        streams = stack.get(stack.endpoints.drift_url, "/v1/streams")["items"]
        return any(stream["route"] == ROUTE and stream["events"] >= STEADY for stream in streams)

    eventually(events_seen, within_s=PATIENCE_S, what="the steady traffic seen by drift")
    pages = f"route = '{ROUTE}' AND state = 'fired' AND level = 'page'"
    assert stack.count("v_drift_signals", pages) == 0
    assert inbox.bodies == []

    publish(stack, traffic, changed, STEADY // ENVELOPE)

    eventually(lambda: inbox.bodies, within_s=WEBHOOK_WITHIN_S, what="the webhook")
    stack.until_count("v_drift_signals", pages, 1)
    [[event_index]] = stack.sql(f"SELECT event_index FROM v_drift_signals WHERE {pages} ORDER BY event_index LIMIT 1")
    alert = inbox.bodies[0]["alerts"][0]
    assert STEADY < int(event_index) <= STEADY + 50
    assert inbox.bodies[0]["version"] == "4"
    assert alert["status"] == "firing"
    assert alert["labels"]["route"] == ROUTE
    said = alert["annotations"]
    shifted = {one.request_id for one in changed}
    assert said["reference"].startswith("1 (sha256:")
    assert said["part"]
    assert "per 100 now" in said["clusters"]
    # An alarm after three events names calls from before the change too, but never first.
    assert said["examples"].split(", ")[0] in shifted
    assert said["examples_before"].split(", ")[0] not in shifted
    assert any(word in said["terms"] for word in OTHER_WORDS)
    stack.until_count("v_alerts", f"state = 'firing' AND fingerprint = '{alert['fingerprint']}'", 1)


def apply(stack: RunningStack, rule: dict[str, Any], folder: Path) -> None:
    (folder / "rule.yaml").write_text(yaml.safe_dump(rule))
    weir(stack, "apply", "-f", str(folder / "rule.yaml"))


@pytest.fixture
def slow_rule(stack: RunningStack, tmp_path: Path) -> Iterator[None]:
    """The rule in force; after the test it is one that no later call breaks, and that notifies nobody."""
    apply(stack, SLOW, tmp_path)
    yield
    spec = {**SLOW["spec"], "receivers": [], "calls": {**SLOW["spec"]["calls"], "value": 1e9}}
    apply(stack, {**SLOW, "version": "2", "spec": spec}, tmp_path)


@pytest.mark.capability("O12", "O16")
@pytest.mark.usefixtures("slow_rule")
def test_a_p95_rule_fires_on_a_slowed_model_is_silenced_and_resolves(stack: RunningStack, inbox: Inbox) -> None:
    rules = f"{stack.alerts_url}/v1/rules"
    eventually(lambda: SLOW["name"] in str(stack.get(stack.alerts_url, "/v1/rules")), within_s=PATIENCE_S, what=rules)
    stack.kill("triton", signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(CALLERS) as callers:
            slow = [callers.submit(ask_over_triton, stack.gateway_grpc, f"What is list {n}?") for n in range(CALLERS)]
            lasts(FROZEN_S)
            stack.kill("triton", signal.SIGCONT)
    finally:
        stack.kill("triton", signal.SIGCONT)

    eventually(lambda: inbox.slow, within_s=WEBHOOK_WITHIN_S, what="the webhook of the slowed model")
    alert = inbox.slow[0]["alerts"][0]
    assert (alert["status"], alert["labels"]["route"]) == ("firing", "docs-qa")
    assert alert["annotations"]["condition"] == "latency_p95_ms > 1500"
    assert set(alert["annotations"]["examples"].split(", ")) <= {one.result().request_id for one in slow}

    silence = weir(stack, "alert", "silence", "add", f"alertname={SLOW['name']}", "--for", "1h", "--comment", "a test")
    assert silence["matching_alerts"] >= 1
    weir(stack, "alert", "silence", "expire", silence["id"])

    def is_resolved() -> bool:
        ask_over_triton(stack.gateway_grpc, "What is a list?")
        return bool(inbox.slow[-1]["status"] == "resolved")

    eventually(is_resolved, within_s=WEBHOOK_WITHIN_S, what="the end of the alert about the slowed model")
    [reading] = weir(stack, "alert", "readings", "--rule", SLOW["name"])["items"]
    assert reading["state"] == "does not hold"
