"""Text completions and embeddings to an OpenAI server."""

from __future__ import annotations

import base64
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from fuzz import http_bodies
from harness.http.openai_server import Play, streamed, whole
from unit.gateway.passed_door import MODEL, PassedDoor, passed_door

TEXT = {"id": "cmpl-x", "object": "text_completion", "created": 1, "model": "theirs", "choices": [
    {"index": 0, "text": " blue", "finish_reason": "stop", "logprobs": None},
    {"index": 1, "text": " red", "finish_reason": "length", "logprobs": None}]}  # fmt: skip


def vectors(*sizes: int, is_base64: bool = False) -> Play:
    """An answer with an embedding of each size."""
    made: list[Any] = [[0.5] * size for size in sizes]
    if is_base64:
        made = [base64.b64encode(struct.pack(f"<{len(one)}f", *one)).decode() for one in made]
    data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(made)]
    return whole({"object": "list", "data": data, "model": "theirs", "usage": {"prompt_tokens": 4, "total_tokens": 4}})


async def completion(passed: PassedDoor, **fields: Any) -> Any:
    return await passed.door.post("/v1/completions", {"model": "far", **fields})


async def embeddings(passed: PassedDoor, **fields: Any) -> Any:
    return await passed.door.post("/v1/embeddings", {"model": "far", **fields})


EMBEDS = {"task": "embeddings", "dimensions": 3}


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("The sky is", "The sky is"), (["a", "b"], "a\nb"), ([1, 2, 3], ""), ([[1, 2], [3]], "")],
)
async def test_a_completion_goes_word_for_word_and_its_event_holds_it(tmp_path: Path, prompt: Any, words: str) -> None:
    extra = {"echo": True, "best_of": 3, "n": 2, "logprobs": 1, "suffix": "."}
    async with passed_door(tmp_path, whole(TEXT)) as passed:
        reply = await completion(passed, prompt=prompt, **extra)

        own = {"id": f"cmpl-{reply.headers['weir-request-id']}", "model": "far"}
        assert reply.json() == {**TEXT, **own}
        assert (passed.server.requests[0].path, passed.body) == (
            "/v1/completions",
            {"model": MODEL, "prompt": prompt, **extra},
        )
        event = passed.ended()[1]
        assert (event.operation, event.protocol) == ("text_completion", "openai-completions")
        assert (event.input_text, event.user_text, event.output_text) == (words, words, " blue\n red")


async def test_a_completion_is_streamed(tmp_path: Path) -> None:
    pieces = [{**TEXT, "choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in (" bl", "ue")]
    async with passed_door(tmp_path, streamed(*pieces, "[DONE]")) as passed:
        reply = await completion(passed, prompt="The sky is", stream=True)

        assert reply.text.count("data: ") == 3
        assert passed.ended()[1].output_text == " blue"


@pytest.mark.parametrize("prompt", ["", [], [""], [[]], [[1], "x"], [1, "x"], [-1], [True], {"a": 1}, 5], ids=repr)
async def test_a_prompt_that_is_none_is_refused(tmp_path: Path, prompt: Any) -> None:
    async with passed_door(tmp_path) as passed:
        reply = await completion(passed, prompt=prompt)

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "prompt")
        assert not passed.server.requests


async def test_a_completion_of_a_route_with_a_template_is_sent_as_it_is(tmp_path: Path) -> None:
    prompt = {"prompt": {"template": "Q: {{ question }}", "variables": ["question"]}}
    async with passed_door(tmp_path, whole(TEXT), chain=prompt) as passed:
        reply = await passed.door.post("/v1/completions", {"model": "chained", "prompt": "Q: why"})

        assert (reply.status_code, passed.body["prompt"]) == (200, "Q: why")


@pytest.mark.parametrize("is_base64", [False, True])
@pytest.mark.parametrize(
    ("asked", "count", "words"), [(["a", "b"], 2, "a\nb"), ("a", 1, "a"), ([5, 6], 1, ""), ([[5], [6]], 2, "")]
)
async def test_embeddings_go_word_for_word(tmp_path: Path, asked: Any, count: int, words: str, is_base64: bool) -> None:
    form = {"encoding_format": "base64"} if is_base64 else {}
    async with passed_door(tmp_path, vectors(*[3] * count, is_base64=is_base64), model=EMBEDS) as passed:
        reply = await embeddings(passed, input=asked, user="u", **form)

        assert reply.json()["model"] == "far"
        assert len(reply.json()["data"]) == count
        assert passed.body == {"model": MODEL, "input": asked, "user": "u", **form}
        event = passed.ended()[1]
        assert (event.outcome, event.input_text, event.user_text, event.input_tokens) == ("ok", words, words, 4)


@pytest.mark.parametrize(
    ("play", "fields", "status"),
    [
        (vectors(3), {"input": ["a", "b"]}, 502),
        (vectors(4), {"input": "a"}, 502),
        (vectors(4, is_base64=True), {"input": "a"}, 502),
        (whole({"data": [{"embedding": None}]}), {"input": "a"}, 502),
        (whole({"data": [{"embedding": "?"}]}), {"input": "a"}, 502),
        (whole({"data": ["x"]}), {"input": "a"}, 502),
        (vectors(2), {"input": "a", "dimensions": 2}, 200),
        (vectors(3), {"input": "a", "dimensions": 2}, 502),
        (vectors(3), {"input": ["a"] * 3}, 400),
        (vectors(3), {"input": "a", "stream": True}, 400),
        (vectors(3), {"input": "a", "dimensions": 0}, 400),
    ],
)
async def test_embeddings_are_as_many_and_as_long_as_promised(
    tmp_path: Path, play: Play, fields: dict[str, Any], status: int
) -> None:
    async with passed_door(tmp_path, play, model=EMBEDS, WEIR_GATEWAY_TEXTS_PER_CALL_MAX="2") as passed:
        reply = await embeddings(passed, **fields)

        assert reply.status_code == status, reply.text
        assert passed.ended()[1].outcome == {200: "ok", 502: "failed", 400: "refused"}[status]


async def test_a_route_of_another_task_is_refused(tmp_path: Path) -> None:
    async with passed_door(tmp_path) as passed:
        assert "serves chat, not embeddings" in (await embeddings(passed, input="x")).text
        assert not passed.server.requests


@pytest.mark.slow
async def test_any_body_to_an_openai_server_is_answered_or_refused_in_openais_form(tmp_path: Path) -> None:
    chance = random.Random(17)
    async with passed_door(tmp_path, whole(TEXT)) as passed:
        for _ in range(200):
            path = chance.choice(["/v1/chat/completions", "/v1/completions"])
            good = {**http_bodies.PATHS[path], "model": "far", "stream": False, "tools": [{"type": "function"}], "n": 2}
            await http_bodies.check(passed.door, path, http_bodies.a_body(chance, good))
