"""What `weir drift clusters` prints of a real service: an injected intent by its name, and how it grows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.http.boundary_client import TOKEN
from harness.http.page_server import pages
from unit.drift.drift_envelopes import LIMITS, SMALL, Log, cut, received
from unit.drift.test_drift_app_explanations import changing
from weir.cli.__main__ import app
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.api.routes import routes
from weir.drift.app import Drift

WORDS = {f"word{number}" for number in range(9_000, 9_010)}
"""Words of the injected intent, which no other text has."""


CALM = 40
"""Events after the reference that `changing` has before them."""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[FileCheckpoints]:
    made = FileCheckpoints(tmp_path / "checkpoints")
    yield made
    made.close()


@pytest.mark.capability("O7", is_check=True, clause="growth")
@pytest.mark.slow
@pytest.mark.parametrize("novel", [8, 30])
async def test_an_injected_intent_is_printed_with_its_name_its_examples_and_its_growth(
    files: FileCheckpoints, monkeypatch: pytest.MonkeyPatch, novel: int
) -> None:
    drift = Drift(files, Log(), SMALL, LIMITS)
    items = changing(novel)
    for offset, event in enumerate(cut(items, (30,))):
        await drift.handle(received(event, offset))
    with pages(routes(drift, LIMITS.streams_max)) as url:
        monkeypatch.setenv("WEIR_DRIFT_URL", url)
        monkeypatch.setenv("WEIR_HTTP_TOKEN", TOKEN)
        command = ["drift", "clusters", "--tenant", "demo", "--route", "docs-qa"]
        ran = CliRunner().invoke(app, command, env={"COLUMNS": "300"})
    assert ran.exit_code == 0, ran.output

    [row] = ran.output.splitlines()[1:2]
    name, events, lately, before, examples = re.split(r"  +", row.strip())
    assert set(name.split(", ")) <= WORDS
    assert novel - 1 <= int(events) <= novel
    assert float(before) == pytest.approx(100 * novel / (CALM + novel), abs=3.0), "of 100 events since the reference"
    assert 1.1 < float(lately) / float(before) < 1.3, "it grows: the short memory holds more of it than the long one"
    injected = {item.request_id for item in items[-novel:]}
    assert injected > set(json.loads(examples)) != set()
