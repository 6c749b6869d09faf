"""The HTTP API of the quality alarms, asked over its ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from harness.http.boundary_client import TOKEN, boundary_client
from unit.drift.drift_envelopes import LIMITS, Log
from unit.drift.drift_envelopes import SMALL as BANK
from unit.drift.quality_scores import SMALL
from unit.drift.test_quality_app import messages
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.api.body import DATASET_BYTES_MAX
from weir.drift.api.quality import quality_routes
from weir.drift.app import Drift
from weir.drift.quality.adapters.store import SqliteQualityStore
from weir.drift.quality.app import Quality
from weir.drift.quality.settings import QualityServiceSettings
from weir.runtime.errors import BadSetting
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application

ACCEPT = "/v1/quality/demo/support-coverage/docs-qa/accept"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    files, store = FileCheckpoints(tmp_path / "c"), SqliteQualityStore(tmp_path / "q")
    quality = Quality(store, Log(), SMALL, 8)
    for one in messages()[: 4 * 165]:
        await quality.handle(one)
    settings = QualityServiceSettings(false_alarms_per_day_max=1e-9)
    app = application(
        dict,
        Policy(token=TOKEN, body_bytes_max=DATASET_BYTES_MAX),
        quality_routes(quality, Drift(files, Log(), BANK, LIMITS), settings),
    )
    async with boundary_client(app) as asking:
        yield asking
    files.close()
    store.close()


async def test_a_stream_tells_its_level_alarm_and_judge(client: httpx2.AsyncClient) -> None:
    (stream,) = (await client.get("/v1/quality")).json()["items"]

    assert (stream["part"], stream["state"], stream["alarm"]) == ("support-coverage", "monitoring", "page")
    assert stream["verdict"] == "system"
    assert stream["pass_rate"]["low"] < stream["pass_rate"]["mean"] < stream["pass_rate"]["high"]
    assert stream["mean_score"]["count"] == stream["pass_rate"]["count"]
    assert 0.8 < stream["baseline_pass_rate"] < 0.95
    assert stream["statistic"] > stream["page_threshold"] == SMALL.page_arl_scores
    assert stream["judge"] == {
        "anchors": 12, "anchor_scores": 495, "agreement": 1.0, "kappa": None, "alarm": "",
    }  # fmt: skip


@pytest.mark.capability("O6")
async def test_the_fleet_names_what_changed_and_says_its_bound(client: httpx2.AsyncClient) -> None:
    fleet = (await client.get("/v1/fleet")).json()

    assert (fleet["streams"], fleet["streams_with_e_value"], fleet["fdr"]) == (1, 1, 0.05)
    assert [one["part"] for one in fleet["discoveries"]] == ["support-coverage"]
    assert fleet["items"][0]["e_value"] >= 1 / 0.05
    budget = fleet["budget"]
    assert budget["false_alarms_per_day"] == pytest.approx(budget["steps_per_day"] / SMALL.page_arl_scores)
    assert not budget["is_kept"]
    assert "set a page ARL of" in fleet["bound"]


async def test_accepting_needs_json_an_author_and_a_stream(client: httpx2.AsyncClient) -> None:
    assert (await client.post(ACCEPT, content=b"{}")).status_code == 415
    assert (await client.post(ACCEPT, json={"author": ""})).status_code == 422
    assert (await client.post(ACCEPT, json={"author": "a" * 9_000})).status_code == 422
    unknown = await client.post(ACCEPT, json={"author": "ana", "resaon": "a new rubric"})
    assert (unknown.status_code, unknown.json()["hint"]) == (422, "accepted keys: author, reason")
    nobody = await client.post(ACCEPT.replace("demo", "nobody"), json={"author": "ana"})
    assert (nobody.status_code, nobody.json()["hint"]) == (404, "weir drift quality, or GET /v1/quality")

    accepted = await client.post(ACCEPT, json={"author": "ana", "reason": "a new rubric"})

    assert accepted.status_code == 200
    assert (accepted.json()["state"], accepted.json()["reference"]["version"]) == ("warming", "2")


def test_settings_that_make_the_promise_void_name_their_variable() -> None:
    with pytest.raises(BadSetting, match="WEIR_DRIFT_QUALITY_REFERENCE_SCORES=1000"):
        QualityServiceSettings(reference_scores=3).quality()
    assert QualityServiceSettings().quality().reference_scores == 1_000
