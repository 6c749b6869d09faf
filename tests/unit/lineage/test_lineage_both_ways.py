"""Lineage both ways and out of the house, and a user's judgement everywhere it belongs, over the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.samples.builders import DIGEST, NOON_US, completed, envelope, one_of_each
from harness.store.lineage_store import Put
from weir.cli.commands_feedback import case_of, query_of
from weir.cli.openlineage import events_of
from weir.evaluator.core.active import ActiveEvaluators
from weir.evaluator.core.definition import evaluator_of
from weir.evaluator.core.step import step
from weir.evaluator.core.subjects import RecentSubjects
from weir.events import EvaluationScored, FeedbackReceived, Reference, canonical_json, named_id
from weir.lineage.read import queries
from weir.lineage.read.operator_sql import OperatorSql
from weir.lineage.settings import LineageSettings
from weir.lineage.store.counters import Counters
from weir.lineage.store.store import Store
from weir.runtime.identity import Numbering

REQUEST_ID = named_id(NOON_US, "request 0")
KINDS = ("prompt", "chain", "model", "dataset", "policy", "index")


@pytest.fixture
def sql(store: Store, tmp_path: Path) -> Iterator[OperatorSql]:
    sql = OperatorSql(LineageSettings(data_dir=tmp_path / "data"))
    yield sql
    sql.close()


@pytest.mark.capability("O4", is_check=True)
def test_an_answer_leads_to_its_parts_each_part_leads_back_and_all_of_it_goes_out_as_openlineage(
    store: Store, put: Put
) -> None:
    parts = tuple(Reference(kind=kind, name=f"the-{kind}", version="1", digest=f"sha256:{kind}") for kind in KINDS)
    answer, other = completed(0, references=parts), completed(1)
    [score] = [
        replace(event, request_id=answer.request_id) for event in one_of_each() if isinstance(event, EvaluationScored)
    ]
    put("inference-responses", answer, other)
    put("evaluation-scores", score)

    found = queries.lineage(store, answer.request_id)
    assert found is not None
    assert {(one["kind"], one["digest"]) for one in found["references"]} == {(one.kind, one.digest) for one in parts}
    assert [one["passage_id"] for one in found["contexts"]] == ["topics/for#0"]
    assert [one["evaluator"] for one in found["evaluations"]] == [score.evaluator]
    counters = Counters(store)
    for part in parts:
        back = queries.impact(store, counters, part.kind, part.name, part.digest, "")
        assert back["example_request_ids"] == [answer.request_id], part
        assert queries.impact(store, counters, part.kind, part.name, "sha256:another", "")["requests"] == 0

    answering, judging = events_of(found)
    versions = {one["name"]: one["facets"]["version"]["datasetVersion"] for one in answering["inputs"]}
    assert versions == {f"{one.kind}/{one.name}": one.digest for one in parts} | {"passage/topics/for#0": DIGEST}
    assert answering["run"]["runId"] == answer.request_id
    [assertion] = judging["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert assertion["assertion"] == f"{score.evaluator}@{score.evaluator_version}"


@pytest.mark.capability("O15", is_check=True)
async def test_a_thumbs_down_is_on_the_trace_in_the_dataset_and_in_the_score(
    store: Store, put: Put, sql: OperatorSql
) -> None:
    call = completed(0)
    judgement = FeedbackReceived(
        **envelope("feedback"), request_id=call.request_id, score=-1.0, label="thumbs_down", comment="not what I asked"
    )
    spec = {"type": "feedback", "routes": ["*"], "sample_rate": 1.0, "salt": "s", "threshold": 0.5}
    active = ActiveEvaluators({"thumbs": evaluator_of("thumbs", "1", DIGEST, canonical_json(spec))})
    recent, _ = step(RecentSubjects(10), call, active)
    _, scored = step(recent, judgement, active)
    put("inference-responses", call)
    put("feedback", judgement)
    numbering = Numbering("evaluator/1", NOON_US)
    put("evaluation-scores", *(numbering.number(one.as_event()) for one in scored))

    trace = queries.trace(store, call.trace_id)
    assert trace is not None
    assert [(one["label"], one["comment"]) for one in trace["feedback"]] == [("thumbs_down", "not what I asked")]
    assert [(one["evaluator"], one["score"], bool(one["passed"])) for one in trace["scores"]] == [
        ("thumbs", 0.0, False)
    ]
    [case] = [case_of(list(row)) for row in (await sql.ask(query_of(0, call.tenant, call.route))).rows]
    assert (case["id"], case["question"], case["answer"]) == (call.request_id, call.user_text, call.output_text)
    assert (case["passed"], case["comment"]) == (False, "not what I asked")
