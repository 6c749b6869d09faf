"""One trace from an instrumented client to the webhook: in a stock OTLP receiver, in the store, and in the webhook's request."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from harness.calls.asking import ask_over_openai, openai_client
from harness.http.otlp_receiver import Receiver, attributes, receiving
from harness.stack.running_stack import RunningStack
from harness.stack.service_process import ServiceProcess
from harness.waiting import PATIENCE_S, eventually
from weir.cli.stack.layout import layout, repository
from weir.cli.stack.processes import processes
from weir.runtime.identity import new_id

pytestmark = pytest.mark.stack

EXPORTING = ("evaluator", "alerts", "gateway-drain")
"""Services that the test runs itself, as the stack does, with a collector named. The drain exports the spans of the gateway,
inference and Triton. Drift, which may tell of the call that its stream is warming, exports nothing here."""

QUESTION = "What does the yield expression do in a generator?"
STATE = "vendor=1"
UP_TO_THE_CLIENT = ("POST traced", "process evaluation-scores", "process inference-responses", "chat docs-qa")
SPANS = {*UP_TO_THE_CLIENT, "inference", "triton ModelInfer", "retrieve", "embed"}
"""Names of spans that the trace has in any case: services export beside each other, the last one of a trace may come first."""


@pytest.fixture
def webhooks() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """URL of a receiver of webhooks, and the headers of what came."""
    came: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            came.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Webhooks are looked at, not logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook/secret", came
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def exporting(stack: RunningStack, collector: str, receivers_file: Path, folder: Path) -> Iterator[None]:
    """The services of EXPORTING, exporting to a collector, in the place of the stack's own."""
    table = processes(layout(stack.home), stack.endpoints.ports, stack.environment, receivers_file)
    running: list[ServiceProcess] = []
    with ExitStack() as undo:
        for process in table:
            if process.name not in EXPORTING:
                continue
            stack.stop(process.name)
            undo.callback(stack.start, process.name)
            environment = {**process.environment, "OTEL_EXPORTER_OTLP_ENDPOINT": collector}
            environment["OTEL_BSP_SCHEDULE_DELAY"] = "200"
            ours = ServiceProcess(process.name, process.command, environment, folder / f"{process.name}.log")
            ours.start()
            undo.callback(ours.kill, signal.SIGTERM)
            running.append(ours)
        for ours in running:
            ours.until_ready()
        yield
    for name in EXPORTING:
        stack.until_ready(name)


def weir(stack: RunningStack, *arguments: str) -> str:
    """What a command prints."""
    ran = subprocess.run(
        [str(repository() / ".venv" / "bin" / "weir"), *arguments],
        env={"WEIR_HOME": str(stack.home), "PATH": "/usr/bin:/bin", "USER": "tests"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def rule_for(session: str) -> dict[str, Any]:
    """A rule that any score of one conversation fires."""
    return {
        "kind": "rule",
        "name": "one-trace",
        "version": "1",
        "aliases": ["prod"],
        "spec": {
            "description": "Fires at a score of one conversation of a test.",
            "source": "evaluation-scores",
            "match": {"session_id": session, "evaluator": "support-coverage"},
            "condition": {
                "field": "score",
                "aggregate": "mean",
                "op": ">=",
                "value": 0.0,
                "window_events": 1,
                "events_min": 1,
            },
            "severity": "info",
            "group_by": ["route"],
            "group_wait_s": 0,
            "annotations": {"summary": "{evaluator} scored {score}"},
            "receivers": ["traced"],
        },
    }


@pytest.mark.capability("O14")
def test_one_trace_runs_from_an_instrumented_client_to_the_webhook(
    stack: RunningStack, webhooks: tuple[str, list[dict[str, str]]], tmp_path: Path
) -> None:
    url, came = webhooks
    session = new_id()
    receivers = tmp_path / "receivers.yaml"
    secret = stack.home / "secrets" / "demo-webhook.secret"
    entry = {"name": "traced", "url": url, "allow_private": True, "secret_file": str(secret)}
    receivers.write_text(yaml.safe_dump({"receivers": [entry]}))
    receivers.chmod(0o600)
    (tmp_path / "rule.yaml").write_text(yaml.safe_dump(rule_for(session)))

    with receiving() as receiver, exporting(stack, receiver.url, receivers, tmp_path):
        weir(stack, "apply", "-f", str(tmp_path / "rule.yaml"), "--author", "tests")
        trace_id, client_span = asked_by_an_instrumented_client(stack, receiver, session)

        eventually(
            lambda: names_in(receiver, trace_id) >= SPANS, within_s=PATIENCE_S, what="all spans at the collector"
        )
        eventually(lambda: stored(stack, trace_id) == received(receiver, trace_id, client_span), within_s=PATIENCE_S,
                   what="the same spans in the store and at the collector")  # fmt: skip
        spans = receiver.trace(trace_id)

    post = next(span for span in spans.values() if span.name == "POST traced")
    names = []
    above = post
    while above.span_id.hex() != client_span:
        names.append(above.name)
        above = spans[above.parent_span_id.hex()]
    assert names == list(UP_TO_THE_CLIENT)
    assert {"client", "gateway", "inference", "triton", "evaluator", "alerts"} <= receiver.services(trace_id)
    assert {span.trace_state for span in spans.values()} == {STATE}
    assert not any(QUESTION in value for span in spans.values() for value in attributes(span).values())

    mine = [headers for headers in came if trace_id in headers["traceparent"]]
    assert [one["traceparent"] for one in mine] == [f"00-{trace_id}-{post.span_id.hex()}-01"]
    assert mine[0]["tracestate"] == STATE

    printed = weir(stack, "trace", "show", trace_id)
    assert all(span.name in printed for span in spans.values() if span.span_id.hex() != client_span)
    assert "one-trace" in printed


def asked_by_an_instrumented_client(stack: RunningStack, receiver: Receiver, session: str) -> tuple[str, str]:
    """Ask under a span of the stock SDK; its trace and its own id."""
    provider = TracerProvider(resource=Resource.create({"service.name": "client"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces")))
    tracer = provider.get_tracer("test")
    client = openai_client(stack.gateway_http, stack.api_key)
    with tracer.start_as_current_span("ask", context=with_state()) as span:
        headers: dict[str, str] = {"weir_session": session}
        propagate.inject(headers)
        ask_over_openai(client, QUESTION, **headers)
    provider.shutdown()
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def with_state() -> Any:
    """A context in which somebody else's tracestate holds."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    caller = {"traceparent": f"00-{new_id().replace('-', '')}-{'1' * 16}-01", "tracestate": STATE}
    return TraceContextTextMapPropagator().extract(caller, trace.set_span_in_context(trace.INVALID_SPAN))


def names_in(receiver: Receiver, trace_id: str) -> set[str]:
    """Names of the spans that the collector has of a trace."""
    return {span.name for span in receiver.trace(trace_id).values()}


def received(receiver: Receiver, trace_id: str, client_span: str) -> set[tuple[str, str, str]]:
    """Spans of the services at the collector: id, parent, name."""
    found = receiver.trace(trace_id)
    return {(name, span.parent_span_id.hex(), span.name) for name, span in found.items() if name != client_span}


def stored(stack: RunningStack, trace_id: str) -> set[tuple[str, str, str]]:
    """The same in the store, as the command line gives it."""
    if stack.trace(trace_id) is None:
        return set()
    told = json.loads(weir(stack, "trace", "show", trace_id, "--json"))
    exported = [span for span in told["spans"] if span["service"] != "drift"]
    return {(span["span_id"], span["parent_span_id"], span["name"]) for span in exported}
