"""`weir trace show` of real calls over lineage's real API: what a call was asked stays on its trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.http.gateway_http import asset, http_door
from unit.gateway.test_releases_at_the_door import PARTS, spec
from weir.cli.__main__ import app
from weir.events import InferenceCompleted

Put = Callable[..., None]


@pytest.mark.capability("D5", is_check=True, clause="old trace")
@pytest.mark.usefixtures("lineage")
async def test_an_old_trace_shows_the_text_that_its_prompt_made_after_the_prompt_moved_on(
    put: Put, tmp_path: Path
) -> None:
    async with http_door(tmp_path) as door:
        for kind in PARTS:
            door.catalog.apply(asset(kind, "pinned", spec(kind, "1")))
        await door.chat("pinned", "why?")
        door.catalog.apply(asset("prompt", "pinned", spec("prompt", "2"), version="2", revision=2))
        await door.chat("pinned", "why?")
        calls = [event for event in door.events() if isinstance(event, InferenceCompleted)]
    put("inference-responses", *calls)

    shown = [await asyncio.to_thread(shown_of, call.trace_id) for call in calls]

    assert shown == [[("Version 1: why?", "1")], [("Version 2: why?", "2")]]


def shown_of(trace_id: str) -> list[tuple[str, str]]:
    """The text that each call of a trace was asked, and the version of its prompt, as the command prints them."""
    ran = CliRunner().invoke(app, ["trace", "show", trace_id, "--json"])
    assert ran.exit_code == 0, ran.output
    calls = json.loads(ran.output)["requests"]
    return [
        (call["input_text"], *[one["version"] for one in call["references"] if one["kind"] == "prompt"])
        for call in calls
    ]
