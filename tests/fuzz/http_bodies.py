"""Bodies at the HTTP listener: any bytes get an answer or OpenAI's error, never a 500, and each call has one end."""

from __future__ import annotations

import asyncio
import copy
import json
import random
import tempfile
from pathlib import Path
from typing import Any

from harness.http.gateway_http import HttpDoor, http_door
from weir.events import InferenceCompleted

PATHS: dict[str, Any] = {
    "/v1/chat/completions": {
        "model": "obeys",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Who?"}]},
            {"role": "assistant", "content": "Ada."},
            {"role": "user", "content": "Why?"},
        ],
        "temperature": 0.5,
        "max_tokens": 3,
        "stop": ["a"],
        "seed": 7,
        "metadata": {"a": "b"},
        "stream": False,
    },
    "/v1/completions": {"model": "echo", "prompt": "Once", "max_tokens": 3, "stream": True, "stream_options": {}},
    "/v1/embeddings": {"model": "vectors", "input": ["a", "b"], "encoding_format": "float"},
    "/v1/feedback": {"request_id": "x", "score": 1, "label": "thumbs_up", "comment": "y"},
}
"""A good body for each path."""

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 1e308, -0.0, 0.1, "",
    "x", "\x00", "\u2028", "x" * 70_000, [], {}, [[]], {"": {}},
    ["a", 1], [None], {"type": "text"}, [{"type": "text", "text": "x"}], {"role": "user", "content": "x"}, "😀" * 99,
    "echo", "vllm",
]  # fmt: skip
"""Values that stand where others are expected."""


def run(seed: int, cases: int) -> None:
    """Send `cases` bodies. Raises AssertionError with the first path and body that is not answered properly."""
    asyncio.run(_run(random.Random(seed), cases))


async def _run(chance: random.Random, cases: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with http_door(Path(folder)) as door:
            for _ in range(cases):
                path = chance.choice(list(PATHS))
                await check(door, path, a_body(chance, PATHS[path]))


async def check(door: HttpDoor, path: str, body: bytes) -> None:
    """Raises AssertionError when this body is answered in another form than OpenAI's, or its call has not one end."""
    said = f"POST {path} {body[:2_000]!r}"
    answer = await door.post(path, body)
    assert answer.status_code == 200 or 400 <= answer.status_code < 500 or answer.status_code == 202, (
        f"{answer} to {said}"
    )
    if answer.status_code >= 400:
        found = answer.json()["error"]
        assert set(found) == {"message", "type", "param", "code"}, f"{str(found)[:2_000]} to {said}"
        assert 0 < len(found["message"]) < 10_000, f"{str(found)[:2_000]} to {said}"
    ends = [event for event in door.events() if isinstance(event, InferenceCompleted)]
    assert len(ends) == (path != "/v1/feedback"), f"{len(ends)} ends of {said}"


def a_body(chance: random.Random, good: Any) -> bytes:
    """The good body after a few changes: of its values, its keys, its bytes."""
    value = copy.deepcopy(good)
    for _ in range(chance.randrange(4)):
        value = changed(chance, value)
    data = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode()
    if chance.random() < 0.2:
        at = chance.randrange(len(data) + 1)
        noise = chance.choice([b"\\ud800", b"\xff", b"[" * 3_000, b'"', b"}", b"", b"\x00", b"1e999", b"NaN"])
        data = data[:at] + noise + data[at + chance.randrange(3) :]
    return data


def odd(chance: random.Random) -> Any:
    """A value of its own, so that no body holds itself."""
    return copy.deepcopy(chance.choice(ODD))


def changed(chance: random.Random, value: Any) -> Any:
    """The value with one part of it replaced, left out, or beside another."""
    if not value or not isinstance(value, dict | list) or chance.random() < 0.25:
        return odd(chance)
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = chance.choice(keys)
    kind = chance.random()
    if kind < 0.15:
        del value[key]
    elif kind < 0.3 and isinstance(value, dict):
        value[
            chance.choice(["n", "tools", "name", "x", "logprobs", "response_format", "user", "max_completion_tokens"])
        ] = odd(chance)
    elif kind < 0.4 and isinstance(value, list):
        value += value[:1] * chance.choice([1, 600])
    else:
        value[key] = changed(chance, value[key])
    return value
