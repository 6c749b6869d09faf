"""What a consumer believes: laws of the codec with its schema catalog, without a registry in reach."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.samples.builders import completed
from weir.events import SCHEMA_JSON, TOPICS, InvalidEvent, digest_of, frame
from weir.runtime.errors import Retryable
from weir.runtime.kafka.schemas import SchemaCatalog
from weir.runtime.kafka.serde import Serde

NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""


def cached_catalog(folder: Path) -> SchemaCatalog:
    """A catalog that knows every schema from its file, as after an earlier run."""
    texts = {number: SCHEMA_JSON[TOPICS[topic].event] for number, topic in enumerate(sorted(TOPICS), start=1)}
    ids = {f"{topic}-value {digest_of(texts[number])}": number for number, topic in enumerate(sorted(TOPICS), start=1)}
    file = folder / "schema-ids.json"
    file.write_text(json.dumps({"ids": ids, "schemas": texts}))
    return SchemaCatalog(NOBODY, file)


@pytest.fixture
def serde(tmp_path: Path) -> Serde:
    return Serde(cached_catalog(tmp_path), message_bytes_max=10_000)


async def test_known_schemas_need_no_registry(serde: Serde) -> None:
    event = completed(contexts=())

    assert await serde.decode("inference-responses", await serde.encode("inference-responses", event)) == event


async def test_an_event_of_another_topic_is_named(serde: Serde) -> None:
    message = await serde.encode("inference-responses", completed())

    with pytest.raises(InvalidEvent, match="wrong_event.*expected FeedbackReceived"):
        await serde.decode("feedback", message)


async def test_a_message_over_the_limit_is_not_decoded(serde: Serde) -> None:
    with pytest.raises(InvalidEvent, match="oversized.*10001 bytes; at most 10000"):
        await serde.decode("feedback", bytes(10_001))


@pytest.mark.slow
async def test_a_registry_out_of_reach_is_a_reason_to_wait_not_to_drop(serde: Serde) -> None:
    with pytest.raises(Retryable, match="registry"):
        await serde.decode("feedback", frame(77, b"body"))


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", '{"ids": {"a"', "[]", '{"ids": {"a": "no number"}, "schemas": {}}'])
async def test_a_cache_that_is_empty_or_torn_stops_no_service(tmp_path: Path, content: str) -> None:
    file = tmp_path / "schema-ids.json"
    file.write_text(content)

    with pytest.raises(Retryable, match="registry"):
        await SchemaCatalog(NOBODY, file).id_for("feedback")
    assert (tmp_path / "schema-ids.json.refused").read_text() == content


@pytest.mark.parametrize("schema_id", [2**31, 2**32 - 1])
async def test_an_id_that_no_registry_gives_is_not_asked_for(serde: Serde, schema_id: int) -> None:
    with pytest.raises(InvalidEvent, match="unknown_schema"):
        await serde.decode("feedback", frame(schema_id, b"body"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "unknown_schema"), ('"string"', "unknown_schema"), ('{"type": "array", "items": "null"}', "unknown_schema"),
        ('{"type": "enum", "name": "FeedbackReceived", "symbols": ["A"]}', "unknown_schema"),
        ('{"type": "record", "name": "Another", "fields": []}', "wrong_event"),
        ('{"type": "record", "name": "FeedbackReceived", "fields": []}', "undecodable"),
    ],
)  # fmt: skip
async def test_an_id_that_names_anything_is_an_invalid_message_each_time(
    tmp_path: Path, text: str, reason: str
) -> None:
    file = tmp_path / "schema-ids.json"
    file.write_text(json.dumps({"ids": {}, "schemas": {77: text}}))
    serde = Serde(SchemaCatalog(NOBODY, file), message_bytes_max=10_000)

    for _ in range(2):
        with pytest.raises(InvalidEvent, match=reason):
            await serde.decode("feedback", frame(77, b""))
