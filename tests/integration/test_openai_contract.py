"""The stock OpenAI clients of Python and JavaScript over the optional fields of the contract (K13)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from harness.calls.asking import openai_client
from harness.stack.running_stack import RunningStack
from weir.cli.stack.layout import repository

pytestmark = pytest.mark.stack
SCRIPT = repository() / "tests" / "javascript" / "stock_client.cjs"
PACKAGES = repository() / ".weir" / "node" / "node_modules"
QUESTION = [{"role": "user", "content": "What does the with statement do?"}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:"}}
CHAT: dict[str, Any] = {"model": "docs-qa", "messages": QUESTION}

ACCEPTED: list[dict[str, Any]] = [
    {"temperature": 0.2, "top_p": 0.9, "max_tokens": 64, "stop": ["\n\n"], "seed": 7},
    {"temperature": None, "top_p": None, "max_tokens": None, "n": None, "stop": None, "logprobs": None, "tools": None},
    {
        "n": 1,
        "logprobs": False,
        "tools": [],
        "tool_choice": "none",
        "logit_bias": {},
        "response_format": {"type": "text"},
    },
    {"user": "ada", "metadata": {"app": "tests"}, "store": False, "service_tier": "auto", "parallel_tool_calls": True},
    {"max_completion_tokens": 64, "modalities": ["text"]},
]
"""Optional fields that are used, or ask for nothing special."""

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"temperature": "hot"}, "temperature"), ({"temperature": 99}, "temperature"), ({"stop": {"a": 1}}, "stop"),
    ({"seed": True}, "seed"), ({"n": 2}, "n"), ({"logprobs": True}, "logprobs"), ({"tool_choice": "required"}, "tool_choice"),
    ({"response_format": {"type": "json_object"}}, "response_format"), ({"top_k": 5}, "top_k"),
    ({"presence_penalty": 1}, "presence_penalty"), ({"max_tokens": 1025}, "max_tokens"),
    ({"messages": [{"role": "system", "content": "Be brief."}, *QUESTION]}, "messages[0]"),
    ({"messages": [*QUESTION, {"role": "assistant", "content": "Well,"}]}, "messages[1]"),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, "messages[0].content[0]"),
]  # fmt: skip
"""Fields or messages that cannot be used -> what the error names."""


@pytest.fixture
def client(stack: RunningStack) -> Iterator[openai.OpenAI]:
    with openai_client(stack.gateway_http, stack.api_key) as made:
        yield made


def javascript(stack: RunningStack, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers of the stock client for JavaScript."""
    node = shutil.which("node")
    assert node is not None, "Node is missing; run: make setup-tests"
    assert (PACKAGES / "openai").exists(), "the JavaScript client is missing; run: make setup-tests"
    environment = {
        **os.environ,
        "NODE_PATH": str(PACKAGES),
        "WEIR_BASE_URL": f"{stack.gateway_http}/v1",
        "WEIR_KEY": stack.api_key,
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [node, str(SCRIPT)], input=json.dumps(questions), env=environment, capture_output=True, text=True, timeout=120, check=True
    )  # fmt: skip
    return list(json.loads(done.stdout))


@pytest.mark.capability("U2")
def test_python_sends_every_optional_field(client: openai.OpenAI) -> None:
    answers = [client.chat.completions.create(**CHAT, **fields) for fields in ACCEPTED]

    assert all(len(answer.choices[0].message.content) > 20 for answer in answers)
    assert answers[0].choices[0].finish_reason in ("stop", "length")
    assert answers[0].usage.total_tokens > 0


@pytest.mark.capability("U2")
@pytest.mark.parametrize(("fields", "param"), REFUSED, ids=[param for _, param in REFUSED])
def test_python_is_told_which_part_is_refused(client: openai.OpenAI, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(**CHAT, extra_body=fields)

    assert (raised.value.param, raised.value.code, raised.value.type) == (
        param,
        "invalid_request",
        "invalid_request_error",
    )


@pytest.mark.capability("U2", is_check=True, clause="completions")
def test_python_completes_a_text_whole_and_streamed(client: openai.OpenAI) -> None:
    prompt = "Question: What does the with statement do?"
    whole = client.completions.create(model="docs-qa", prompt=prompt, echo=False, best_of=1, suffix=None)
    pieces = list(
        client.completions.create(model="docs-qa", prompt=prompt, stream=True, stream_options={"include_usage": True})
    )

    assert len(whole.choices[0].text) > 20
    assert "".join(chunk.choices[0].text for chunk in pieces if chunk.choices) == whole.choices[0].text
    assert pieces[-1].usage is not None


@pytest.mark.capability("U2")
def test_python_asks_what_is_not_served(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="chat/completions"):
        client.responses.create(model="docs-qa", input="hi")


@pytest.mark.capability("U2")
def test_javascript_agrees(stack: RunningStack) -> None:
    chats = [{"call": "chat.completions.create", "body": {**CHAT, **fields}} for fields in ACCEPTED]
    refusals = [{"call": "chat.completions.create", "body": {**CHAT, **fields}} for fields, _ in REFUSED]
    stream = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    text = {"model": "docs-qa", "prompt": "Question: What is a list?"}
    others: list[dict[str, Any]] = [
        {"call": "chat.completions.create", "body": stream},
        {"call": "completions.create", "body": text},
        {"call": "completions.create", "body": {**text, "stream": True}},
        {"call": "embeddings.create", "body": {"model": "minilm", "input": ["a", "b"]}},
        {"call": "models.list"},
        {"call": "models.retrieve", "body": "docs-qa"},
        {"call": "responses.create", "body": {"model": "docs-qa", "input": "hi"}},
        {"call": "chat.completions.create", "body": {**CHAT, "model": "no-such-model"}},
    ]
    answers = javascript(stack, chats + refusals + others)
    taken, refused, rest = (
        answers[: len(chats)],
        answers[len(chats) : len(chats) + len(refusals)],
        answers[-len(others) :],
    )

    assert [len(answer["value"]["choices"][0]["message"]["content"]) > 20 for answer in taken] == [True] * len(taken)
    assert [(answer["error"]["status"], answer["error"]["param"]) for answer in refused] == [
        (400, param) for _, param in REFUSED
    ]
    chunks = rest[0]["chunks"]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])
    assert chunks[-1]["usage"]["total_tokens"] > 0
    assert rest[1]["value"]["choices"][0]["text"] == "".join(
        chunk["choices"][0]["text"] for chunk in rest[2]["chunks"] if chunk["choices"]
    )
    assert [len(item["embedding"]) for item in rest[3]["value"]["data"]] == [384, 384]
    assert {"docs-qa", "minilm"} <= {model["id"] for model in rest[4]["value"]}
    assert rest[5]["value"]["id"] == "docs-qa"
    assert [(answer["error"]["name"], answer["error"]["status"]) for answer in rest[6:]] == [("NotFoundError", 404)] * 2
