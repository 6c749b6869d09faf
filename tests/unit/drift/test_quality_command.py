"""How often a judge says what people said, as `weir drift quality` prints it, of a real service."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
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
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application, serve


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A drift service that has followed scores and their human-labelled anchors."""
    files, store, stop, port = (
        FileCheckpoints(tmp_path / "c"), SqliteQualityStore(tmp_path / "q"), asyncio.Event(), free_port()
    )  # fmt: skip
    quality = Quality(store, Log(), SMALL, 8)
    for one in messages()[: 4 * 165]:
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
async def test_the_agreement_with_people_is_printed(url: str, tmp_path: Path) -> None:
    environment = {"WEIR_HOME": str(tmp_path), "PATH": os.environ["PATH"], "COLUMNS": "300"}
    environment |= {"WEIR_DRIFT_URL": url, "WEIR_HTTP_TOKEN": TOKEN}
    command = [sys.executable, "-m", "weir.cli", "drift", "quality"]
    ran = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert "support-coverage" in ran.stdout
    assert "100.0% of 12 anchors" in ran.stdout
