"""What `weir drift quality` and `weir drift fleet` print of a service: how often a judge agrees, how often a page is false."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from harness.http.boundary_client import TOKEN
from harness.stack.service_process import free_port
from harness.waiting import PATIENCE_S
from unit.drift.drift_envelopes import LIMITS, Log
from unit.drift.drift_envelopes import SMALL as BANK
from unit.drift.quality_scores import SMALL
from unit.drift.test_quality_app import messages
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.api.quality import quality_routes
from weir.drift.app import Drift
from weir.drift.quality.adapters.store import SqliteQualityStore
from weir.drift.quality.app import Quality
from weir.drift.quality.settings import QualityServiceSettings
from weir.events import EvaluationScored
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application, serve
from weir.runtime.kafka.handling import Received

ANCHORS = 12
"""Human-labelled items among the messages; people passed all of them."""


def judged(disagreeing: int) -> list[Received]:
    """Scores and their anchors, of which the judge fails so many."""
    failed = {f"a{number}" for number in range(disagreeing)}
    found = []
    for one in messages()[: 4 * 165]:
        score = one.event
        assert isinstance(score, EvaluationScored)
        if score.anchor_id in failed:
            one = replace(one, event=replace(score, passed=False, score=0.0))
        found.append(one)
    return found


@pytest.fixture
async def url(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A drift service that has followed scores and their human-labelled anchors.

    Its parameter: `disagreeing`, how many anchors the judge fails, and settings other than SMALL's.
    """
    changed = dict(getattr(request, "param", {}))
    disagreeing = changed.pop("disagreeing", 0)
    files, store, stop, port = (
        FileCheckpoints(tmp_path / "c"), SqliteQualityStore(tmp_path / "q"), asyncio.Event(), free_port()
    )  # fmt: skip
    quality = Quality(store, Log(), replace(SMALL, **changed), 8)
    for one in judged(disagreeing):
        await quality.handle(one)
    routes = quality_routes(quality, Drift(files, Log(), BANK, LIMITS), QualityServiceSettings())
    serving = asyncio.create_task(serve(application(dict, Policy(token=TOKEN, port=port), routes), stop))
    async with httpx2.AsyncClient() as client, asyncio.timeout(PATIENCE_S):
        while not serving.done():
            try:
                await client.get(f"http://127.0.0.1:{port}/healthz")
                break
            except httpx2.ConnectError:
                await asyncio.wait({serving}, timeout=0.02)
    yield f"http://127.0.0.1:{port}"
    stop.set()
    await serving
    files.close()
    store.close()


@pytest.mark.capability("O10", is_check=True, clause="agreement")
@pytest.mark.slow
@pytest.mark.parametrize(("url", "agreement"), [({}, "100.0%"), ({"disagreeing": 3}, "75.0%")], indirect=["url"])
async def test_the_agreement_with_people_is_printed(url: str, tmp_path: Path, agreement: str) -> None:
    printed = await printed_by("quality", url, tmp_path)

    assert "support-coverage" in printed
    assert f"{agreement} of {ANCHORS} anchors" in printed


@pytest.mark.capability("O6", is_check=True, clause="printed rate")
@pytest.mark.slow
@pytest.mark.parametrize(("url", "a_day"), [({}, "1.98"), ({"page_arl_scores": 4_000.0}, "0.99")], indirect=["url"])
async def test_the_rate_of_false_pages_is_printed(url: str, tmp_path: Path, a_day: str) -> None:
    """Of so many scores a day one in an ARL is a false page in the mean: another ARL prints another rate."""
    printed = await printed_by("fleet", url, tmp_path)

    assert f"1 streams take 3,960 steps a day; with their ARL that is at most {a_day} false pages a day" in printed


async def printed_by(verb: str, url: str, folder: Path) -> str:
    """What `weir drift VERB` prints, in a process of its own."""
    environment = {"WEIR_HOME": str(folder), "PATH": os.environ["PATH"], "COLUMNS": "300"}
    environment |= {"WEIR_DRIFT_URL": url, "WEIR_HTTP_TOKEN": TOKEN}
    command = [sys.executable, "-m", "weir.cli", "drift", verb]
    ran = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
