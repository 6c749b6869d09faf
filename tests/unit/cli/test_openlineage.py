"""OpenLineage events: every asset with its digest, every verdict an assertion, no text, and times as RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

from weir.cli.openlineage import events_of

REQUEST_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def lineage(**fields: Any) -> dict[str, Any]:
    """An answer of `/v1/lineage`."""
    request = {
        "request_id": REQUEST_ID, "tenant": "acme", "route": "docs-qa", "outcome": "ok", "start_time_us": 1_000_000,
        "latency_ms": 500.0, "release_digest": "sha256:r", "question": "my secret",
    }  # fmt: skip
    return {
        "request": request,
        "references": [{"kind": "prompt", "name": "p", "version": "1", "digest": "sha256:p"}],
        "contexts": [{"passage_id": "for", "dataset": "docs", "dataset_digest": "sha256:d", "text": "my secret", "score": 1.0}],
        "evaluations": [
            {"evaluator": "length", "evaluator_version": "1", "evaluator_digest": "sha256:e", "score": 0.0, "passed": False},
            {"evaluator": "measure", "evaluator_version": "1", "evaluator_digest": "sha256:m", "score": 0.5, "passed": None},
        ],
        "feedback": [],
        **fields,
    }  # fmt: skip


@pytest.mark.capability("G8")
def test_assets_and_passages_are_inputs_with_their_digests_and_no_text_is_in_it() -> None:
    answering, judging = events_of(lineage())

    versions = {one["name"]: one["facets"]["version"]["datasetVersion"] for one in answering["inputs"]}
    assert versions == {"prompt/p": "sha256:p", "passage/for": "sha256:d"}
    assert datetime.fromisoformat(answering["eventTime"]) == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert "my secret" not in str((answering, judging))


def test_only_verdicts_are_assertions_and_hang_on_the_answer() -> None:
    answering, judging = events_of(lineage())

    [given] = judging["inputs"]
    assertions = given["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(one["assertion"], one["success"]) for one in assertions] == [("length@1", False)]
    assert given["name"] == answering["outputs"][0]["name"]
    assert judging["run"]["facets"]["parent"]["run"]["runId"] == REQUEST_ID


@pytest.mark.parametrize(("outcome", "state"), [("ok", "COMPLETE"), ("failed", "FAIL"), ("refused", "FAIL")])
def test_a_call_that_did_not_end_well_is_a_failed_run_and_without_scores_there_is_one_event(
    outcome: str, state: str
) -> None:
    request = {**lineage()["request"], "outcome": outcome}

    [event] = events_of(lineage(request=request, evaluations=[]))

    assert event["eventType"] == state


def test_an_event_reads_back_with_the_projects_own_classes() -> None:
    [event, _] = events_of(lineage())

    read = RunEvent(
        eventType=RunState(event["eventType"]), eventTime=event["eventTime"], run=Run(event["run"]["runId"]),
        job=Job(event["job"]["namespace"], event["job"]["name"]), producer=event["producer"], inputs=[], outputs=[],
    )  # fmt: skip
    assert read.schemaURL == event["schemaURL"]
