"""Releases and cards as the stock client meets them at the real door; and an answer that breaks off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from harness.http.gateway_http import CARD, KEYS, HttpDoor, asset, http_door
from weir.events import InferenceCompleted

PARTS = ("chain", "prompt", "model", "dataset", "policy")
"""What a release pins."""


def spec(kind: str, version: str) -> dict[str, Any]:
    """One version of a part of the route `pinned`; the second differs from the first in one place."""
    specs: dict[str, dict[str, Any]] = {
        "prompt": {"template": f"Version {version}: {{{{ question }}}}", "variables": ["question"]},
        "model": {
            "task": "chat", "unary_model": "echo", "stream_model": "echo", "input": "text_input",
            "card": {**CARD, "description": f"version {version}"},
        },
        "dataset": {"content_digest": f"sha256:{version * 64}"},
        "policy": {"output_tokens_max": 64 + int(version)},
        "chain": {
            "description": f"version {version}", "model": "pinned@prod", "prompt": "pinned@prod", "policy": "pinned@prod",
            "datasets": ["pinned@prod"], "nodes": [], "edges": [],
        },
    }  # fmt: skip
    return specs[kind]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[HttpDoor]:
    async with http_door(tmp_path) as made:
        for kind in PARTS:
            made.catalog.apply(asset(kind, "pinned", spec(kind, "1")))
        yield made


@pytest.fixture
def client(door: HttpDoor) -> openai.AsyncOpenAI:
    """The stock client; only its address and key are ours."""
    return openai.AsyncOpenAI(
        base_url="http://127.0.0.1/v1", api_key=KEYS["demo"], max_retries=0, http_client=door.client
    )


async def asked(client: openai.AsyncOpenAI, model: str, **options: Any) -> Any:
    """A raw answer, with its headers."""
    return await client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "why?"}], **options
    )


@pytest.mark.capability("D1")
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
async def test_a_change_of_any_part_is_another_release_which_each_answer_names(
    door: HttpDoor, client: openai.AsyncOpenAI, is_stream: bool
) -> None:
    named = []
    for number, kind in enumerate((None, *PARTS), start=2):
        if kind is not None:
            door.catalog.apply(asset(kind, "pinned", spec(kind, "2"), version="2", revision=number))
        answer = await asked(client, "pinned", stream=is_stream)
        if is_stream:
            assert [chunk async for chunk in answer.parse()]
        stored = door.completed()
        named.append(answer.headers["weir-release"])
        assert stored.release_digest == named[-1]
        assert {one.kind for one in stored.references} >= set(PARTS)

    assert len(set(named)) == 1 + len(PARTS)


@pytest.mark.capability("D4", is_check=True)
async def test_a_client_finds_the_card_of_a_model_and_calls_what_it_found_unchanged(
    door: HttpDoor, client: openai.AsyncOpenAI
) -> None:
    [found] = [model async for model in client.models.list() if model.id == "pinned"]
    card = (await client.models.retrieve(found.id)).to_dict()

    assert card["card"] == found.to_dict()["card"] == {**CARD, "description": "version 1"}
    answer = await asked(client, found.id)
    assert answer.parse().choices[0].message.content == "Version 1: why?"
    assert answer.headers["weir-release"] == card["release"]


@pytest.mark.capability("D5")
async def test_what_an_old_call_was_asked_stays_when_the_prompt_moves_on(
    door: HttpDoor, client: openai.AsyncOpenAI
) -> None:
    await asked(client, "pinned")
    door.catalog.apply(asset("prompt", "pinned", spec("prompt", "2"), version="2", revision=2))
    await asked(client, "pinned")

    old, new = [event for event in door.events() if isinstance(event, InferenceCompleted)]
    assert (old.input_text, new.input_text) == ("Version 1: why?", "Version 2: why?")
    [before] = [one for one in old.references if one.kind == "prompt"]
    [after] = [one for one in new.references if one.kind == "prompt"]
    assert (before.version, after.version) == ("1", "2")
    assert before.digest != after.digest


@pytest.mark.capability("U2", is_check=True, clause="failure case")
async def test_an_answer_that_breaks_off_is_an_error_to_the_stock_client_and_never_a_clean_end(
    door: HttpDoor, client: openai.AsyncOpenAI
) -> None:
    with pytest.raises(openai.APIStatusError, match="out of memory in the middle"):
        await asked(client, "breaks-off")

    stream = (await asked(client, "breaks-off", stream=True)).parse()
    heard: list[Any] = []
    with pytest.raises(openai.APIError, match="out of memory in the middle"):
        await _gather(stream, heard)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in heard) == "Half an answer"
    assert {chunk.choices[0].finish_reason for chunk in heard} == {None}
    stored = door.completed()
    assert (stored.outcome, stored.output_text) == ("failed", "Half an answer")


async def _gather(stream: Any, heard: list[Any]) -> None:
    async for chunk in stream:
        heard.append(chunk)
