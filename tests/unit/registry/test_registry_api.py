"""The HTTP API as a client meets it: answers, refusals, caps, and the token."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from unit.registry.conftest import TOKEN
from weir.events import SCHEMA_JSON, TOPICS
from weir.registry.settings import RegistrySettings
from weir.runtime.errors import BadSetting, Retryable
from weir.runtime.http.policy import policy_of
from weir.runtime.kafka.link import link_from
from weir.runtime.settings import SharedSettings


def prompt(version: str = "1", aliases: list[str] | None = None) -> dict[str, Any]:
    spec = {"template": f"v{version}\nQuestion: {{{{ question }}}}", "variables": ["question"]}
    return {"kind": "prompt", "name": "p", "version": version, "aliases": aliases or [], "spec": spec}


def batch(*documents: object, **fields: object) -> dict[str, object]:
    return {"documents": list(documents), "author": "me", **fields}


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    async with httpx2.AsyncClient(base_url=url, headers=headers) as client:
        yield client


@pytest.fixture
async def stranger(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that has no token."""
    async with httpx2.AsyncClient(base_url=url) as client:
        yield client


class TestAnswers:
    """What who may ask is answered."""

    async def test_an_apply_and_its_views(self, client: httpx2.AsyncClient) -> None:
        first = await client.post("/v1/apply", json=batch(prompt("1"), prompt("2", ["prod"])))
        again = await client.post("/v1/apply", json=batch(prompt("1"), prompt("2", ["prod"])))
        one = (await client.get("/v1/assets/prompt/p/prod")).json()
        asset = (await client.get("/v1/assets/prompt/p")).json()
        changes = (await client.get("/v1/diff/prompt/p?from=1&to=prod")).json()["items"]

        assert [item["change"] for item in first.json()["items"]] == ["created", "created", "alias_moved"]
        assert [item["change"] for item in again.json()["items"]] == ["unchanged", "unchanged"]
        assert (one["version"], one["aliases"], one["spec"]["variables"]) == ("2", ["prod"], ["question"])
        assert asset["aliases"] == {"prod": "2"}
        assert [version["version"] for version in asset["versions"]] == ["2", "1"]
        assert changes[0]["path"] == "template"
        assert {"-v1", "+v2"} <= set(changes[0]["lines"])

    async def test_a_conflict_is_409_and_says_what_to_do(self, client: httpx2.AsyncClient) -> None:
        await client.post("/v1/apply", json=batch(prompt()))
        changed = prompt()
        changed["spec"]["template"] += "!"
        answer = await client.post("/v1/apply", json=batch(changed))

        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["document"] == 0
        assert answer.json()["detail"].count("sha256:") == 2
        assert "new version" in answer.json()["hint"]

    async def test_an_alias_moves(self, client: httpx2.AsyncClient) -> None:
        await client.post("/v1/apply", json=batch(prompt("1"), prompt("2", ["prod"])))
        moved = await client.put("/v1/assets/prompt/p/aliases/prod", json={"version": "1", "author": "me"})
        missing = await client.put("/v1/assets/prompt/p/aliases/prod", json={"version": "9", "author": "me"})

        assert (moved.json()["change"], moved.json()["version"]) == ("alias_moved", "1")
        assert missing.status_code == 404
        assert "versions of prompt 'p': 1, 2; aliases: prod" in missing.json()["detail"]

    @pytest.mark.parametrize(
        ("method", "path", "body", "status", "message"),
        [
            ("POST", "/v1/apply", b"{", 400, "the body is no JSON"),
            ("POST", "/v1/apply", b"[" * 10_000, 400, "the body is no JSON"),
            ("POST", "/v1/apply", b"[]", 400, "expected an object"),
            ("POST", "/v1/apply", b"x" * 20_001, 413, "20001 bytes; at most 20000"),
            ("POST", "/v1/apply", json.dumps(batch()).encode(), 422, "a list of 1 to 20 documents"),
            ("POST", "/v1/apply", json.dumps(batch(*[1] * 21)).encode(), 422, "a list of 1 to 20 documents"),
            ("POST", "/v1/apply", json.dumps(batch(1, dry_run="yes")).encode(), 422, "expected true or false"),
            ("POST", "/v1/apply", json.dumps(batch(1, author="")).encode(), 422, "'author' must be"),
            ("POST", "/v1/apply", json.dumps(batch(1)).encode(), 422, "document 1 (?/?) document: is 1"),
            ("PUT", "/v1/assets/prompt/p/aliases/prod", b"{}", 422, "both must be names"),
            ("GET", "/v1/assets?kind=promt", b"", 422, "expected one of: prompt, chain"),
            ("GET", "/v1/assets/prompt/nothing", b"", 404, "there is no prompt 'nothing'"),
            ("GET", "/v1/assets/nothing/p", b"", 422, "is no asset"),
            ("GET", "/v1/assets/prompt/p/1", b"", 404, "there is no prompt 'p'"),
            ("GET", "/v1/diff/prompt/p?from=1", b"", 422, "both 'from' and 'to'"),
            ("GET", "/v1/history?from_us=yesterday", b"", 422, "expected microseconds"),
            ("GET", "/v1/history?from_us=" + "9" * 5_000, b"", 422, "expected microseconds"),
            ("GET", "/v1/nothing", b"", 404, "Not Found"),
        ],
    )
    async def test_a_bad_request_says_why(
        self, client: httpx2.AsyncClient, method: str, path: str, body: bytes, status: int, message: str
    ) -> None:
        answer = await client.request(method, path, content=body)

        assert answer.status_code == status
        assert message in answer.json()["detail"]


class TestToken:
    """Reading schemas is open on loopback; definitions, and all writes, are not."""

    @pytest.mark.parametrize("header", [{}, {"authorization": "Bearer no"}, {"authorization": TOKEN}])
    async def test_a_write_without_it_is_refused(self, stranger: httpx2.AsyncClient, header: dict[str, str]) -> None:
        answers = [
            await stranger.post("/v1/apply", json=batch(prompt()), headers=header),
            await stranger.put("/v1/assets/prompt/p/aliases/prod", json={"version": "1"}, headers=header),
            await stranger.put("/config", json={"compatibility": "NONE"}, headers=header),
            await stranger.post("/subjects/new/versions", json={"schema": '"int"'}, headers=header),
            await stranger.get("/v1/assets", headers=header),
        ]

        assert [answer.status_code for answer in answers] == [401] * 5
        assert TOKEN not in "".join(answer.text for answer in answers)

    async def test_a_write_with_it_is_taken(self, client: httpx2.AsyncClient) -> None:
        assert (await client.post("/v1/apply", json=batch(prompt()))).status_code == 200
        assert (await client.get("/v1/assets")).json()["items"][0]["name"] == "p"

    async def test_a_known_schema_is_answered_to_anyone(self, stranger: httpx2.AsyncClient) -> None:
        known = (await stranger.get("/subjects/alerts-value/versions/latest")).json()
        answer = await stranger.post("/subjects/alerts-value/versions", json={"schema": known["schema"]})

        assert answer.json()["id"] == known["id"]


def test_a_public_address_without_a_token_is_refused() -> None:
    with pytest.raises(BadSetting, match="there is no token"):
        policy_of(RegistrySettings(http_host="0.0.0.0"))


def test_the_registry_may_have_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_REGISTRY_TOKEN", TOKEN)
    monkeypatch.setenv("WEIR_HTTP_TOKEN", "the-token-of-the-others")

    assert policy_of(RegistrySettings(http_host="0.0.0.0")).token == TOKEN


async def test_a_service_shows_the_registry_its_own_token(
    client: httpx2.AsyncClient, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_HTTP_TOKEN", "the-token-of-the-others")
    strange = {"type": "record", "name": "Strange", "fields": [{"name": "a", "type": "int"}]}
    monkeypatch.setitem(SCHEMA_JSON, TOPICS["feedback"].event, json.dumps(strange))  # new to it: needs the token
    await client.put("/config/feedback-value", json={"compatibility": "NONE"})

    for own, name in (("", "one"), (TOKEN, "two")):
        monkeypatch.setenv("WEIR_REGISTRY_TOKEN", own)
        serde = link_from(SharedSettings(data_dir=tmp_path, registry_url=url), name).serde
        with nullcontext() if own else pytest.raises(Retryable, match="token"):
            await serde.head("feedback")
        await serde.close()


def test_the_token_is_not_in_what_settings_print() -> None:
    assert TOKEN not in repr(RegistrySettings(http_token=SecretStr(TOKEN)))
