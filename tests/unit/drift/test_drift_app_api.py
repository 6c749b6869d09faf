"""The HTTP API of drift, asked over its ASGI application."""

from __future__ import annotations

import asyncio
import base64
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import httpx2
import numpy as np
import pytest
from prometheus_client import REGISTRY

from harness.http.boundary_client import TOKEN, boundary_client
from unit.drift.drift_envelopes import (
    LIMITS,
    SMALL,
    Log,
    cut,
    enveloped,
    item_of,
    received,
    run_life,
    shifting_items,
)
from unit.drift.drift_traffic import Traffic
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.api.body import DATASET_BYTES_MAX
from weir.drift.api.routes import routes
from weir.drift.app import Drift
from weir.events import TextFeaturesComputed
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application

ACCEPT = "/v1/streams/demo/docs-qa/accept"
DISMISS = "/v1/streams/demo/docs-qa/dismiss"
SKEW = "/v1/streams/demo/docs-qa/skew-reference"
JSON = {"content-type": "application/json"}


def changed() -> TextFeaturesComputed:
    """An envelope of a reference and a change."""
    return enveloped(shifting_items(quiet=0, shifted=60)[:120])


@pytest.fixture(scope="session")
def checkpointed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint of a stream that warmed, changed and raised its alarm."""
    folder = tmp_path_factory.mktemp("checkpointed")
    assert asyncio.run(run_life(folder, Log(), [changed()]))
    return folder


@pytest.fixture
def drift(checkpointed: Path, tmp_path: Path) -> Iterator[Drift]:
    """The service, started again on a copy of that checkpoint."""
    shutil.copytree(checkpointed, tmp_path, dirs_exist_ok=True)
    files = FileCheckpoints(tmp_path)
    yield Drift(files, Log(), SMALL, LIMITS)
    files.close()


@pytest.fixture
async def client(drift: Drift) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(drift) as asking:
        yield asking


def client_of(drift: Drift) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
    """A client of the service's API."""
    policy = Policy(token=TOKEN, body_bytes_max=DATASET_BYTES_MAX)
    return boundary_client(application(dict, policy, routes(drift, LIMITS.streams_max)))


async def test_a_stream_tells_where_its_parts_stand(client: httpx2.AsyncClient) -> None:
    (stream,) = (await client.get("/v1/streams")).json()["items"]

    assert (stream["tenant"], stream["route"], stream["state"], stream["events"]) == (
        "demo", "docs-qa", "monitoring", 120,
    )  # fmt: skip
    assert stream["alarm"] == "page"
    assert stream["reference"]["version"] == "1"
    assert stream["reference"]["digest"].startswith("sha256:")
    assert stream["last_signal"]["state"] == "fired"
    bank = stream["parts"][0]
    assert bank["name"] == "e-bank"
    assert bank["statistic"] >= bank["page_threshold"] == SMALL.page_arl_events
    assert {part["name"] for part in stream["parts"]} >= {"knn-novelty", "length", "mean-ewma-0.1"}


async def test_a_route_of_one_prompt_says_what_is_inactive_and_raises_no_alarm(tmp_path: Path) -> None:
    probe = Traffic(9).event()
    items = [item_of(replace(probe, event_id=f"e{i}", event_time_us=i)) for i in range(1_200)]
    files, log = FileCheckpoints(tmp_path), Log()
    drift = Drift(files, log, SMALL, LIMITS)
    for offset, event in enumerate(cut(items, [200])):
        await drift.handle(received(event, offset))
    async with client_of(drift) as asking:
        (stream,) = (await asking.get("/v1/streams")).json()["items"]
    files.close()

    assert (stream["state"], stream["alarm"], stream["events"]) == ("monitoring", "", 1_200)
    assert {"knn-novelty", "mean-ewma"} <= set(stream["inactive_parts"])
    assert {"length", "surprisal"} <= set(stream["constant_parts"])
    assert {signal.state for signal in log.signals} == {"warming", "monitoring"}
    told = log.signals[-1].explanation
    assert "without knn-novelty" in told
    assert "All events are equal in length" in told
    assert REGISTRY.get_sample_value("weir_drift_inactive_parts", {"part": "mean-ewma"}) == 1.0


async def test_accepting_answers_the_stream_that_warms(client: httpx2.AsyncClient) -> None:
    answer = await client.post(ACCEPT, json={"author": "ana"})

    assert answer.status_code == 200
    stream = answer.json()
    assert (stream["state"], stream["reference"]["version"], stream["parts"]) == ("warming", "2", [])
    assert stream["last_signal"]["state"] == "accepted"


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/v1/streams/demo/nowhere/accept", {"json": {"author": "ana"}}, 404),
        (ACCEPT, {"content": b"author=ana"}, 415),
        (ACCEPT, {"json": {}}, 422),
        (ACCEPT, {"json": {"author": ""}}, 422),
        (ACCEPT, {"json": {"author": 7}}, 422),
        (ACCEPT, {"json": ["author"]}, 422),
        (ACCEPT, {"json": {"author": "a" * 129}}, 422),
        (ACCEPT, {"json": {"author": "ana", "padding": "x" * 5_000}}, 422),
        (ACCEPT, {"json": {"author": "ana", "resaon": "a sale"}}, 422),
        (ACCEPT, {"content": b"{", "headers": JSON}, 422),
        (ACCEPT, {"content": b"[" * 4_096, "headers": JSON}, 422),
        (ACCEPT, {"content": b'{"author": "ana", "author": "eve"}', "headers": JSON}, 422),
        (ACCEPT, {"content": b'{"author": "\\ud800"}', "headers": JSON}, 422),
    ],
)
async def test_a_wrong_request_changes_nothing(
    client: httpx2.AsyncClient, drift: Drift, path: str, options: dict[str, object], status: int
) -> None:
    answer = await client.post(path, **options)  # type: ignore[arg-type]  # options by name

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one.stream.version for one in drift.streams()] == [1]


def dataset_body(**changes: object) -> dict[str, object]:
    vectors = np.random.default_rng(3).standard_normal((60, 24)).astype("<f4")
    return {
        "author": "ana",
        "name": "faq",
        "version": "2",
        "digest": "sha256:faq",
        "embedding_model": "minilm",
        "embeddings": [base64.b64encode(one.tobytes()).decode() for one in vectors],
        **changes,
    }


@pytest.mark.capability("O5")
async def test_setting_a_dataset_answers_the_stream_that_is_compared_with_it(client: httpx2.AsyncClient) -> None:
    answer = await client.post(SKEW, json=dataset_body())

    assert answer.status_code == 200
    skew = answer.json()["skew"]
    assert (skew["dataset_name"], skew["dataset_version"], skew["dataset_items"]) == ("faq", "2", 60)
    assert (skew["state"], skew["author"], skew["windows"], skew["last"]) == ("watching", "ana", 0, None)
    assert answer.json()["last_signal"]["state"] == "skew_reference"


async def test_dismissing_answers_the_stream_without_an_alarm(client: httpx2.AsyncClient) -> None:
    answer = await client.post(DISMISS, json={"author": "ana", "reason": "a sale"})

    assert answer.status_code == 200
    assert (answer.json()["alarm"], answer.json()["reference"]["version"]) == ("", "1")
    assert answer.json()["last_signal"]["state"] == "dismissed"


async def test_novel_clusters_are_listed_with_their_calls(tmp_path: Path) -> None:
    files = FileCheckpoints(tmp_path)
    drift = Drift(files, Log(), SMALL, LIMITS)
    await drift.handle(received(changed(), 0))
    async with client_of(drift) as asking:
        listed = (await asking.get("/v1/streams/demo/docs-qa/clusters")).json()["items"]
        of_nobody = await asking.get("/v1/streams/demo/nowhere/clusters")
    files.close()

    assert listed
    assert listed[0]["events"] >= 3
    assert listed[0]["request_ids"]
    assert of_nobody.status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (SKEW, dataset_body(embeddings=[]), 422),
        (SKEW, dataset_body(embeddings="x"), 422),
        (SKEW, dataset_body(embeddings=["!"] * 60), 422),
        (SKEW, dataset_body(embeddings=[base64.b64encode(b"1234" * (1 + i % 2)).decode() for i in range(60)]), 422),
        (SKEW, dataset_body(embeddings=[base64.b64encode(bytes(96)).decode()] * 60), 422),
        (SKEW, dataset_body(embeddings=[base64.b64encode(bytes(96)).decode()] * 2_001), 422),
        (SKEW, dataset_body(embedding_model="other"), 422),
        (SKEW, dataset_body(embedding_model=7), 422),
        (SKEW, dataset_body(name=""), 422),
        (SKEW, dataset_body(embedding="minilm"), 422),
        (SKEW, dataset_body(version="v" * 129), 422),
        (SKEW, dataset_body(author=None), 422),
        (SKEW.replace("docs-qa", "nowhere"), dataset_body(), 404),
        (DISMISS, {}, 422),
        (DISMISS, {"author": "ana", "reason": 7}, 422),
        (DISMISS, {"author": "ana", "reason": "r" * 501}, 422),
    ],
)
async def test_a_wrong_decision_changes_nothing(
    client: httpx2.AsyncClient, drift: Drift, path: str, body: dict[str, object], status: int
) -> None:
    answer = await client.post(path, json=body)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [(one.stream.version, one.stream.skew) for one in drift.streams()] == [(1, None)]
