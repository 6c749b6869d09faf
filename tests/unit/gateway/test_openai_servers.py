"""The operator's file of OpenAI servers: who is not in it is asked nothing, and a key goes nowhere else."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.http.openai_server import answer, played, whole
from harness.tls import authority
from harness.waiting import PATIENCE_S
from unit.gateway.passed_door import passed_door
from weir.access.refusals import Refusal
from weir.gateway.adapters.servers_file import KnownServer, ServersFile
from weir.gateway.core.openai_servers import SERVERS_MAX, servers_from

HERE = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("servers", "problem"),
    [
        ([{}], "lacks the key 'base_url'"),
        ([{"base_url": "ftp://x/v1"}], "expected http(s)://host"),
        ([{"base_url": HERE, "key": "x"}], "unknown key 'key'"),
        ([{"base_url": HERE, "api_key_file": "a", "api_key_variable": "b"}], "keep one"),
        ([{"base_url": "http://models.example/v1", "api_key_file": "a"}], "without TLS"),
        ([{"base_url": HERE, "ca_file": "ca.pem"}], "has a ca_file and an http URL"),
        ([{"base_url": HERE}, {"base_url": HERE}], "each base_url stands once"),
        ([{"base_url": HERE, "connections_max": 0}], "expected a whole number from 1"),
        ([{"base_url": HERE, "connect_s": 0}], "connect_s"),
        ([{"base_url": HERE, "silence_s": True}], "silence_s"),
        ([{"base_url": HERE, "attempts_max": 11}], "attempts_max"),
        ([{"base_url": f"http://127.0.0.1:{port}/v1"} for port in range(1, SERVERS_MAX + 2)], "101 servers"),
    ],
)
def test_a_wrong_server_is_named(servers: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(ValueError, match="servers") as refused:
        servers_from({"servers": servers})

    assert problem in str(refused.value)


@pytest.mark.parametrize(
    "base_url", [HERE, "http://localhost:8000/v1", "http://[::1]:8000/v1", "https://models.example/v1"]
)
def test_a_key_goes_over_tls_or_stays_on_the_machine(base_url: str) -> None:
    assert servers_from({"servers": [{"base_url": base_url, "api_key_file": "k"}]})[base_url].connections_max == 64


def refusal(file: ServersFile) -> str:
    """Why the server here is not asked."""
    file._next_look_s = 0.0
    with pytest.raises(Refusal) as refused:
        file.find(HERE)
    assert refused.value.error_type == "upstream_unavailable"
    return refused.value.message


def test_the_reason_for_not_asking_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    assert "WEIR_GATEWAY_OPENAI_SERVERS_FILE" in refusal(ServersFile(None))
    file = ServersFile(path)
    for content, reason in [
        (None, "No such file"),
        ("{", "cannot be used"),
        ('{"servers": [], "servers": []}', "twice"),
        ('{"servers": []}', "does not list it"),
        (json.dumps({"servers": [{"base_url": HERE, "api_key_file": "gone.key"}]}), "gone.key"),
        (json.dumps({"servers": [{"base_url": HERE, "api_key_variable": "NOT_SET"}]}), "NOT_SET holds no key"),
    ]:
        if content is not None:
            path.write_text(content)
        assert reason in refusal(file)


@pytest.mark.parametrize("key", ["", " \n", "two words", "line\nline", "schl\u00fcssel"])
def test_a_file_without_one_key_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    (tmp_path / "k").write_text(key)
    (tmp_path / "s.json").write_text(json.dumps({"servers": [{"base_url": HERE, "api_key_file": "k"}]}))

    said = refusal(ServersFile(tmp_path / "s.json"))
    assert "the file k holds no key" in said
    assert not key.strip() or key.strip() not in said


def test_a_fifo_in_place_of_the_file_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s.json")
    assert "cannot be used" in refusal(ServersFile(tmp_path / "s.json"))


def test_what_is_wrong_with_one_server_takes_no_other_away(tmp_path: Path) -> None:
    bad = {"base_url": "http://127.0.0.1:1/v1", "api_key_file": "gone"}
    (tmp_path / "s.json").write_text(json.dumps({"servers": [bad, {"base_url": HERE}]}))

    assert ServersFile(tmp_path / "s.json").find(HERE).api_key == ""


def test_a_key_is_in_no_representation() -> None:
    server = servers_from({"servers": [{"base_url": HERE}]})[HERE]
    assert "sk-1" not in repr(KnownServer(server, "sk-1", None))


async def test_a_server_that_is_not_listed_is_asked_nothing_and_one_that_is_taken_out_nothing_more(
    tmp_path: Path,
) -> None:
    async with passed_door(tmp_path) as passed:
        assert (await passed.chat()).status_code == 200
        passed.list_servers()
        reply = await passed.chat()

        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_unavailable")
        assert len(passed.server.requests) == 1
        async with asyncio.timeout(PATIENCE_S):
            while passed.server.open_connections:
                await asyncio.sleep(0)
        assert passed.door.events()[-2].outcome == "refused"  # type: ignore[union-attr]  # a completed call


async def test_a_new_key_is_used_without_a_restart(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("old")
    async with passed_door(tmp_path, server={"api_key_file": "k"}) as passed:
        await passed.chat()
        (tmp_path / "k").write_text("new")
        passed.list_servers({"base_url": passed.server.base_url, "api_key_file": "k"})
        await passed.chat()

        assert [one.headers["authorization"] for one in passed.server.requests] == ["Bearer old", "Bearer new"]


async def test_connections_are_kept_between_calls(tmp_path: Path) -> None:
    async with passed_door(tmp_path) as passed:
        for _ in range(3):
            assert (await passed.chat()).status_code == 200

        assert passed.server.connections == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no certificate"),
        (b"garbage", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n", "cannot be read"),
        ("-----BEGIN CERTIFICATE-----\nü\n-----END CERTIFICATE-----\n".encode(), "cannot be read"),
        (None, "No such file"),
    ],
)
async def test_a_file_of_no_authority_is_named_and_its_server_not_asked(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    async with passed_door(tmp_path) as passed:
        passed.apply("model", "safe", {"endpoint": {"base_url": "https://127.0.0.1:1/v1", "model": "m"}})
        passed.list_servers({"base_url": "https://127.0.0.1:1/v1", "ca_file": "ca.pem"})
        reply = await passed.chat(route="safe")

        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_unavailable")
        assert problem in reply.json()["error"]["message"]
        assert "ca.pem" in reply.json()["error"]["message"]


async def test_what_people_write_around_certificates_is_passed_over(tmp_path: Path) -> None:
    ours, other = authority(tmp_path), authority(tmp_path, "other")
    notes = "# Zertifikate für das Büro\n".encode(), "# prüfen\n".encode("latin-1")
    (tmp_path / "ca.pem").write_bytes(notes[0] + other.file.read_bytes() + notes[1] + ours.file.read_bytes() + notes[0])
    certificate, key = ours.sign(tmp_path, "far", "127.0.0.1")
    async with passed_door(tmp_path) as passed, played(whole(answer()), certificate=(certificate, key)) as secure:
        passed.apply("model", "safe", {"endpoint": {"base_url": secure.base_url, "model": "m"}})
        passed.list_servers({"base_url": secure.base_url, "ca_file": "ca.pem"})

        assert (await passed.chat(route="safe")).status_code == 200


async def test_certificates_are_checked(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    certificate, key = ours.sign(tmp_path, "far", "127.0.0.1")
    async with passed_door(tmp_path) as passed, played(whole(answer()), certificate=(certificate, key)) as secure:
        endpoint = {"base_url": secure.base_url, "model": "m"}
        passed.apply("model", "safe", {"endpoint": endpoint})
        for server, status in [({}, 503), ({"ca_file": str(ours.file)}, 200)]:
            passed.list_servers({"base_url": secure.base_url, **server})
            assert (await passed.chat(route="safe")).status_code == status
