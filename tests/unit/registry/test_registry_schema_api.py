"""The schema API, judged by the stock Confluent client: its serializers, its calls, its error codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from confluent_kafka.schema_registry import AsyncSchemaRegistryClient, Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import (
    AsyncAvroDeserializer,
    AsyncAvroSerializer,
    AvroDeserializer,
    AvroSerializer,
)
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from harness.store.postgres import on_both
from unit.registry.conftest import TOKEN
from weir.events import SCHEMA_JSON, TOPICS
from weir.registry.adapters.database import Database
from weir.registry.app.subjects import Subjects

THING = json.dumps({"type": "record", "name": "Thing", "fields": [{"name": "a", "type": "int"}]})
GREW = json.dumps(
    {"type": "record", "name": "Thing", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]}
)
OTHER = json.dumps({"type": "record", "name": "Thing", "fields": [{"name": "a", "type": "string"}]})
GREW_WELL = GREW.replace('"b", "type": "int"', '"b", "type": "int", "default": 0')


def configuration(url: str) -> dict[str, str]:
    """Of a stock client that may write."""
    return {"url": url, "basic.auth.user.info": f"anyone:{TOKEN}"}


def with_client(url: str, call: Callable[[SchemaRegistryClient], Any]) -> Any:
    """What a call of the stock synchronous client gives, the client closed after it."""
    with SchemaRegistryClient(configuration(url)) as client:
        return call(client)


@pytest.mark.capability("U4")
async def test_the_stock_serializer_and_deserializer_round_trip(url: str) -> None:
    def round_trip() -> Any:
        context = SerializationContext("things", MessageField.VALUE)
        with SchemaRegistryClient(configuration(url)) as client:
            message = AvroSerializer(client, THING)({"a": 7}, context)
            return message, AvroDeserializer(client)(message, context)

    message, value = await asyncio.to_thread(round_trip)

    assert value == {"a": 7}
    assert message[:1] == b"\0"


@pytest.mark.capability("U4")
async def test_the_stock_async_serializer_and_deserializer_round_trip(url: str) -> None:
    context = SerializationContext("things", MessageField.VALUE)
    async with AsyncSchemaRegistryClient(configuration(url)) as client:
        serializer = await AsyncAvroSerializer(client, THING)
        deserializer = await AsyncAvroDeserializer(client)

        assert await deserializer(await serializer({"a": 7}, context), context) == {"a": 7}


@on_both
async def test_every_call_of_the_stock_client_is_answered(url: str) -> None:
    def calls(client: SchemaRegistryClient) -> dict[str, Any]:
        schema_id = client.register_schema("s", Schema(THING, "AVRO"))
        newer_id = client.register_schema("s", Schema(GREW_WELL, "AVRO"))
        return {
            "ids": (schema_id, newer_id),
            "same": client.register_schema("other", Schema(THING, "AVRO")),
            "text": client.get_schema(schema_id).schema_str,
            "found": client.lookup_schema("s", Schema(THING, "AVRO")).version,
            "subjects": client.get_subjects(),
            "versions": client.get_versions("s"),
            "latest": client.get_latest_version("s").schema_id,
            "first": client.get_version("s", 1).schema_id,
            "types": client.get_schema_types(),
            "uses": [(one.subject, one.version) for one in client.get_schema_versions(schema_id)],
            "level": client.get_compatibility(),
            "fits": client.test_compatibility("s", Schema(OTHER, "AVRO")),
            "set": client.set_compatibility("s", "NONE"),
            "own": client.get_compatibility("s"),
            "mode": client.get_mode("s"),
        }

    seen = await asyncio.to_thread(with_client, url, calls)
    first, newer = seen["ids"]
    assert newer == first + 1
    assert seen["same"] == seen["first"] == first
    assert seen["text"] == THING
    assert (seen["found"], seen["versions"], seen["latest"]) == (1, [1, 2], newer)
    assert seen["subjects"] == sorted([*(f"{topic}-value" for topic in TOPICS), "other", "s"])
    assert seen["types"] == ["AVRO"]
    assert seen["uses"] == [("other", 1), ("s", 1)]
    assert (seen["level"], seen["fits"], seen["own"], seen["mode"]) == ("FULL", False, "NONE", "READWRITE")


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        (lambda client: client.get_schema(9_999), 404, 40403),
        (lambda client: client.get_versions("nothing"), 404, 40401),
        (lambda client: client.get_version("alerts-value", 9), 404, 40402),
        (lambda client: client.get_version("alerts-value", "first"), 422, 42202),
        (lambda client: client.lookup_schema("nothing", Schema(THING, "AVRO")), 404, 40401),
        (lambda client: client.lookup_schema("alerts-value", Schema(THING, "AVRO")), 404, 40403),
        (lambda client: client.register_schema("s", Schema('{"type": "recor"}', "AVRO")), 422, 42201),
        (lambda client: client.register_schema("s", Schema("{}", "JSON")), 422, 42201),
        (lambda client: client.register_schema("a b", Schema(THING, "AVRO")), 422, 42208),
        (lambda client: client.register_schema("alerts-value", Schema(THING, "AVRO")), 409, 409),
        (lambda client: client.set_compatibility("s", "SOMETIMES"), 422, 42203),
        (lambda client: client.get_compatibility("alerts-value"), 404, 40408),
    ],
)
async def test_errors_carry_the_codes_the_client_knows(url: str, call: Any, status: int, code: int) -> None:
    with pytest.raises(SchemaRegistryError) as caught:
        await asyncio.to_thread(with_client, url, call)

    assert (caught.value.http_status_code, caught.value.error_code) == (status, code)


@on_both
async def test_an_incompatible_schema_is_refused_with_the_reason_and_the_direction(url: str) -> None:
    def register(client: SchemaRegistryClient) -> None:
        client.register_schema("s", Schema(THING, "AVRO"))
        client.register_schema("s", Schema(GREW, "AVRO"))

    with pytest.raises(SchemaRegistryError, match="cannot read data of version 1 .*missing_default_value.*: b"):
        await asyncio.to_thread(with_client, url, register)


async def test_associations_are_not_offered(url: str) -> None:
    async with httpx2.AsyncClient(base_url=url) as client:
        answer = await client.get("/associations/resources/-/things")

    assert answer.status_code == 404


def test_a_fresh_registry_always_gives_the_same_ids(tmp_path: Path) -> None:
    texts = {f"{name}-value": SCHEMA_JSON[topic.event] for name, topic in TOPICS.items()}
    ids = []
    for number, items in enumerate([list(texts.items()), list(reversed(texts.items()))]):
        database = Database(f"sqlite:///{tmp_path / str(number)}.db")
        subjects = Subjects(database)
        subjects.register_all(dict(items))
        subjects.register_all(dict(items))
        ids.append([subjects.version(subject, "latest").schema_id for subject in sorted(texts)])
        database.close()

    assert ids[0] == ids[1] == list(range(1, len(texts) + 1))


async def test_a_stock_client_without_the_token_reads_and_is_told_why_it_may_not_write(url: str) -> None:
    def calls() -> Any:
        with SchemaRegistryClient({"url": url}) as client:
            known = client.get_latest_version("alerts-value")
            same = client.register_schema("alerts-value", Schema(known.schema.schema_str, "AVRO"))
            with pytest.raises(SchemaRegistryError, match="token") as caught:
                client.register_schema("new", Schema(THING, "AVRO"))
            with pytest.raises(SchemaRegistryError, match="token"):
                client.set_compatibility("s", "NONE")
            return known.schema_id, same, caught.value.http_status_code

    known_id, same_id, status = await asyncio.to_thread(calls)

    assert (same_id, status) == (known_id, 401)


@pytest.mark.parametrize(
    "body", ['{"compatibility": null}', "{}", '{"compatibility": 1}', '{"compatibility": ["NONE"]}']
)
async def test_a_level_that_is_no_text_changes_nothing(url: str, body: str) -> None:
    async with httpx2.AsyncClient(base_url=url, auth=("anyone", TOKEN)) as client:
        before = (await client.get("/config")).json()
        for path in ("/config", "/config/alerts-value"):
            answer = await client.put(path, content=body, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["error_code"]) == (422, 42203)

        assert (await client.get("/config")).json() == before
        assert (await client.get("/config/alerts-value")).status_code == 404


@pytest.mark.parametrize("version", ["9" * 5_000, "\u0663", "0", "-2"])
async def test_a_version_that_is_no_number_is_refused(url: str, version: str) -> None:
    async with httpx2.AsyncClient(base_url=url, auth=("anyone", TOKEN)) as client:
        for path in (f"/subjects/alerts-value/versions/{version}", f"/subjects/alerts-value/versions/{version}/schema"):
            assert (await client.get(path)).status_code == 422
        path = f"/compatibility/subjects/alerts-value/versions/{version}"
        assert (await client.post(path, json={"schema": THING})).status_code == 422
