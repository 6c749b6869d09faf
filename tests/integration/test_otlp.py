"""OTLP in, judged on the running stack by stock exporters, a stock instrumentation, `weir audit gaps`, and kills under load."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from harness.calls.asking import openai_client
from harness.calls.reporting import BATCH, Reporting
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually
from weir.runtime.clock import now_us

pytestmark = [pytest.mark.stack, pytest.mark.capability("U3")]

QUESTION = "What does the yield expression do in a generator?"
ROUTE = "reported-model"
"""A model that the stack does not serve."""

WRONG_KEYS = {"unknown": "weir_99999999_" + "x" * 43, "of another form": "sk-EMPTY"}


@pytest.fixture(params=["http", "grpc"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def provider(stack: RunningStack, way: str) -> Iterator[TracerProvider]:
    made = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(exporter(stack, way, stack.api_key)))
    yield made
    made.shutdown()


def exporter(stack: RunningStack, way: str, key: str) -> SpanExporter:
    headers = {"authorization": f"Bearer {key}"}
    if way == "grpc":
        return GrpcExporter(stack.endpoints.otlp_grpc, insecure=True, headers=headers)
    return HttpExporter(f"{stack.endpoints.otlp_url}/v1/traces", headers=headers)


def sent(by: SpanExporter) -> tuple[str, SpanExportResult]:
    """Trace id of one span that an exporter sends, and what the exporter says of it."""
    kept = InMemorySpanExporter()
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(kept))
    with made.get_tracer("shop").start_as_current_span("look") as span:
        trace_id = f"{span.get_span_context().trace_id:032x}"
    result = by.export(kept.get_finished_spans())
    by.shutdown()
    made.shutdown()
    return trace_id, result


def stored(stack: RunningStack, query: str) -> list[list[Any]]:
    rows: list[list[Any]] = eventually(lambda: stack.sql(query), within_s=PATIENCE_S, what=query)
    return rows


def test_a_call_that_a_stock_exporter_reports_is_the_same_events_as_a_call_of_the_gateway(
    stack: RunningStack, provider: TracerProvider
) -> None:
    tracer = provider.get_tracer("shop")
    with tracer.start_as_current_span("answer") as outer, tracer.start_as_current_span("chat") as inner:
        inner.set_attributes(
            {
                "gen_ai.operation.name": "chat", "gen_ai.request.model": ROUTE, "gen_ai.usage.input_tokens": 9,
                "gen_ai.input.messages": f'[{{"role": "user", "parts": [{{"type": "text", "content": "{QUESTION}"}}]}}]',
                "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "It suspends it."}]}]',
            }
        )  # fmt: skip
    assert provider.force_flush()
    trace_id = f"{outer.get_span_context().trace_id:032x}"

    found = stored(
        stack,
        "SELECT request_id, tenant, protocol, user_text, output_text, input_tokens FROM v_inference_responses"
        f" WHERE trace_id = '{trace_id}'",
    )
    request_id = found[0][0]
    assert found == [[request_id, "demo", "otlp", QUESTION, "It suspends it.", 9]]
    eventually(
        lambda: (
            stack.sql(f"SELECT name FROM v_spans WHERE trace_id = '{trace_id}' ORDER BY name") == [["answer"], ["chat"]]
        ),
        within_s=PATIENCE_S,
        what="both spans",
    )
    asked = f"SELECT route, protocol, user_text FROM v_inference_requests WHERE request_id = '{request_id}'"
    assert stored(stack, asked) == [[ROUTE, "otlp", QUESTION]]
    assert stored(stack, f"SELECT route FROM v_text_features WHERE request_id = '{request_id}'") == [[ROUTE]]


@pytest.mark.parametrize("key", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_a_stock_exporter_with_a_wrong_key_is_refused_and_nothing_of_it_is_stored(
    stack: RunningStack, way: str, key: str
) -> None:
    refused, result = sent(exporter(stack, way, key))
    taken, result_after = sent(exporter(stack, way, stack.api_key))

    assert (result, result_after) == (SpanExportResult.FAILURE, SpanExportResult.SUCCESS)
    stack.until_count("v_spans", f"trace_id = '{taken}'", 1)  # it came later, on the same way
    assert stack.count("v_spans", f"trace_id = '{refused}'") == 0


def test_a_call_through_the_gateway_that_its_client_reports_too_is_one_call_in_one_trace(
    stack: RunningStack, provider: TracerProvider
) -> None:
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        tracer = provider.get_tracer("shop")
        with openai_client(stack.gateway_http, stack.api_key) as client, tracer.start_as_current_span("ask") as outer:
            trace_id = f"{outer.get_span_context().trace_id:032x}"
            parent = f"00-{trace_id}-{outer.get_span_context().span_id:016x}-01"
            answer = _ask(client, parent)
    finally:
        instrumentor.uninstrument()
    assert provider.force_flush()

    names = {"ask", "ChatCompletion", "chat docs-qa"}
    eventually(
        lambda: names <= {row[0] for row in stack.sql(f"SELECT name FROM v_spans WHERE trace_id = '{trace_id}'")},
        within_s=PATIENCE_S,
        what="the spans of application and gateway in one trace",
    )
    _until(lambda: is_settled(stack))  # a second call would have numbers before that of its span
    assert stored(stack, f"SELECT protocol FROM v_inference_responses WHERE trace_id = '{trace_id}'") == [
        ["openai-chat"]
    ]
    reported = stack.sql(f"SELECT attributes FROM v_spans WHERE trace_id = '{trace_id}' AND name = 'ChatCompletion'")
    assert QUESTION not in str(reported)
    assert answer.choices[0].message.content


def _ask(client: openai.OpenAI, traceparent: str) -> Any:
    return client.chat.completions.create(
        model="docs-qa",
        messages=[{"role": "user", "content": QUESTION}],
        extra_headers={"traceparent": traceparent},
    )


def test_a_receiver_and_a_drain_killed_under_load_lose_nothing_and_the_audit_says_so(stack: RunningStack) -> None:
    headers = {"authorization": f"Bearer {stack.api_key}"}
    with Reporting(lambda: stack.endpoints.otlp_url, headers, now_us) as reporting:
        for victim in ("otlp", "otlp-drain"):
            before = len(reporting.acknowledged)
            _until(lambda at=before: len(reporting.acknowledged) >= at + 5 * BATCH)  # type: ignore[misc]  # bound at once
            stack.kill(victim, signal.SIGKILL)
        before = len(reporting.acknowledged)
        _until(lambda: len(reporting.acknowledged) >= before + 5 * BATCH)

    where = f"trace_id = '{reporting.trace_id.hex()}'"
    acknowledged = {span_id.hex() for span_id in reporting.acknowledged}
    assert reporting.tries_failed > 0
    stack.until_count("v_spans", where, len(acknowledged))
    rows = stack.sql(f"SELECT count(), uniqExact(span_id) FROM v_spans WHERE {where}")
    assert rows == [[len(acknowledged), len(acknowledged)]]
    stack.until_ready("otlp-drain")
    _until(lambda: is_settled(stack))
    audit = audited(stack)
    books = of_receiver(audit)
    assert audit["otlp_spool"] is not None
    assert len(books) >= 2, "the receiver was killed once: two producer epochs"
    assert [one for one in books if one["missing"] or one["corrupt"] or one["duplicates_visible"]] == []


def is_settled(stack: RunningStack) -> bool:
    """Whether lineage misses none of the receiver's numbers; one that is on its way is neither stored nor missing yet."""
    return all(one["missing"] == 0 for one in of_receiver(stack.get(stack.lineage_url, "/v1/audit")))


def audited(stack: RunningStack) -> Any:
    """What `weir audit gaps` says."""
    told = subprocess.run(
        [sys.executable, "-m", "weir.cli", "audit", "gaps", "--json"],
        env={"WEIR_HOME": str(stack.home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(told.stdout)


def of_receiver(audit: Any) -> list[dict[str, Any]]:
    """The books of the receiver, one for each of its producer epochs."""
    return [one for one in audit["sources"] if one["source"].startswith("otlp/")]


def _until(what: Callable[[], object]) -> None:
    eventually(what, within_s=PATIENCE_S, what="what was reported, in its place")
