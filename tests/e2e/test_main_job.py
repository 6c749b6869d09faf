"""The main job, end to end: a question becomes an answer, a trace, scores and a lineage."""

from __future__ import annotations

from typing import Any

import pytest

from harness.calls.asking import ask_over_openai, ask_over_triton, openai_client
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually
from weir.runtime.identity import new_span_id, new_trace_id

pytestmark = pytest.mark.stack
QUESTION = "How does the try statement handle exceptions?"


@pytest.mark.capability("O14")
@pytest.mark.capability("O2")
def test_an_answers_trace_holds_the_clients_trace_id_and_every_hop(stack: RunningStack) -> None:
    trace_id = new_trace_id()
    ask_over_triton(stack.gateway_grpc, QUESTION, traceparent=f"00-{trace_id}-{new_span_id()}-01")

    def is_whole() -> bool:
        trace = stack.trace(trace_id)
        names = {span["name"] for span in trace["spans"]} if trace else set()
        return {"inference", "retrieve"} <= names and any("docs-qa" in name for name in names)

    eventually(is_whole, within_s=PATIENCE_S, what="every hop in the trace")


@pytest.mark.capability("O4")
def test_an_answers_lineage_goes_down_to_passage_and_corpus_digest(stack: RunningStack) -> None:
    asked = ask_over_openai(openai_client(stack.gateway_http, stack.api_key), QUESTION)
    stack.until_count("v_inference_responses", f"request_id = '{asked.request_id}'", 1)

    lineage = stack.get(stack.lineage_url, f"/v1/lineage/{asked.request_id}")

    kinds = {reference["kind"] for reference in lineage["references"]}
    assert {"prompt", "chain", "model", "dataset", "policy", "index"} <= kinds
    assert {context["dataset_digest"] for context in lineage["contexts"]} == {stack.corpus_digest}
    assert all(context["passage_id"] for context in lineage["contexts"])


@pytest.mark.capability("O4")
def test_the_impact_of_a_corpus_version_names_the_answers_that_used_it(stack: RunningStack) -> None:
    asked = ask_over_triton(stack.gateway_grpc, QUESTION)
    stack.until_count("v_inference_responses", f"request_id = '{asked.request_id}'", 1)

    impact = stack.get(stack.lineage_url, f"/v1/impact/index/python-docs?digest={stack.corpus_digest}")

    assert impact["requests"] >= 1


@pytest.mark.capability("O11")
def test_an_answer_is_scored_by_the_active_evaluators(stack: RunningStack) -> None:
    asked = ask_over_triton(stack.gateway_grpc, QUESTION)

    stack.until_count("v_evaluation_scores", f"request_id = '{asked.request_id}' AND evaluator = 'support-coverage'", 1)
    stack.until_count("v_evaluation_scores", f"request_id = '{asked.request_id}' AND evaluator = 'answer-relevance'", 1)


@pytest.mark.capability("X1")
def test_the_audit_finds_nothing_missing(stack: RunningStack) -> None:
    ask_over_triton(stack.gateway_grpc, QUESTION)

    named = ("stored", "superseded", "dead_lettered", "shed", "corrupt")

    def settled() -> dict[str, Any] | None:
        audit = stack.get(stack.lineage_url, "/v1/audit")
        books = audit["sources"]
        return audit if all(book["accepted"] == sum(book[one] for one in named) for book in books) else None

    audit = eventually(
        settled, within_s=PATIENCE_S, what="an audit that says of every accepted number what became of it"
    )

    assert audit["totals"]["missing"] == 0
    assert audit["totals"]["duplicates_visible"] == 0
