"""The lineage of an answer as OpenLineage events, built with the project's own classes: one run that answered, one that judged.

The run that answered has an input for each asset and passage, with its digest as the dataset's version, and the answer as
output. The run that judged has the answer as input, with each evaluator's verdict as an assertion. Texts are not in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import data_quality_assertions_dataset, dataset_version_dataset, parent_run
from openlineage.client.serde import Serde

PRODUCER = "weir"
NAMESPACE = "weir"
"""Namespace of Weir's assets; their names are `kind/name`."""


def events_of(lineage: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events of an answer, as plain JSON. lineage: what `/v1/lineage/{request id}` answers."""
    request = lineage["request"]
    answer = f"answer/{request['request_id']}"
    events = [_answering(request, answer, _inputs(lineage))]
    judged = [score for score in lineage["evaluations"] if score["passed"] is not None]
    if judged:
        events.append(_judging(request, answer, judged))
    return [Serde.to_dict(event) for event in events]


def _answering(request: Mapping[str, Any], answer: str, inputs: list[InputDataset]) -> RunEvent:
    return RunEvent(
        eventType=RunState.COMPLETE if request["outcome"] == "ok" else RunState.FAIL,
        eventTime=_time(request),
        run=Run(runId=request["request_id"]),
        job=_job(request),
        producer=PRODUCER,
        inputs=inputs,
        outputs=[
            OutputDataset(namespace=NAMESPACE, name=answer, facets={"version": _version(request["release_digest"])})
        ],
    )


def _judging(request: Mapping[str, Any], answer: str, scores: Sequence[Mapping[str, Any]]) -> RunEvent:
    assertions = [
        data_quality_assertions_dataset.Assertion(
            assertion=f"{score['evaluator']}@{score['evaluator_version']}",
            success=bool(score["passed"]),
            actual=str(score["score"]),
            params={"digest": score["evaluator_digest"]},
        )
        for score in scores
    ]
    facet = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=assertions, producer=PRODUCER)
    parent = parent_run.ParentRunFacet(
        run=parent_run.Run(runId=request["request_id"]),
        job=parent_run.Job(namespace=_namespace(request), name=request["route"]),
        producer=PRODUCER,
    )
    return RunEvent(
        eventType=RunState.COMPLETE,
        eventTime=_time(request),
        run=Run(runId=str(uuid.uuid5(uuid.UUID(request["request_id"]), "evaluations")), facets={"parent": parent}),
        job=_job(request, "/evaluations"),
        producer=PRODUCER,
        inputs=[InputDataset(namespace=NAMESPACE, name=answer, inputFacets={"dataQualityAssertions": facet})],
        outputs=[],
    )


def _inputs(lineage: Mapping[str, Any]) -> list[InputDataset]:
    assets = [(f"{one['kind']}/{one['name']}", one["digest"] or one["version"]) for one in lineage["references"]]
    passages = [(f"passage/{one['passage_id']}", one["dataset_digest"]) for one in lineage["contexts"]]
    return [
        InputDataset(namespace=NAMESPACE, name=name, facets={"version": _version(version)} if version else {})
        for name, version in dict.fromkeys([*assets, *passages])
    ]


def _version(version: str) -> dataset_version_dataset.DatasetVersionDatasetFacet:
    return dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version, producer=PRODUCER)


def _job(request: Mapping[str, Any], part: str = "") -> Job:
    return Job(namespace=_namespace(request), name=f"{request['route']}{part}")


def _namespace(request: Mapping[str, Any]) -> str:
    return f"{NAMESPACE}/{request['tenant']}"


def _time(request: Mapping[str, Any]) -> str:
    """When the answer was whole."""
    after_us = int(request["start_time_us"]) + int(float(request["latency_ms"]) * 1_000)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=after_us)).isoformat()
