"""The published contracts: schemas, topics, examples and what is generated from them say the same."""

from __future__ import annotations

import io
import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping

import fastavro
import pytest
import yaml

from weir.alerts.adapters import state_store
from weir.alerts.app import app as alerts
from weir.assets.call_condition import SOURCE as CALLS_TOPIC
from weir.drift import app as drift
from weir.drift.adapters import announcer
from weir.drift.quality.app import SCORES_TOPIC
from weir.evaluator import app as evaluator
from weir.events import TOPICS, decode_body, encode_body
from weir.events.codec import PARSED
from weir.inference import app as inference
from weir.lineage.audit import auditor
from weir.registry.adapters import outbox
from weir.runtime.kafka import deadletter, span_log

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = sorted((ROOT / "schemas" / "avro").glob("*.avsc"))
TOPIC_FILES = sorted((ROOT / "schemas" / "topics").glob("*.yaml"))
ENVELOPE = (
    "event_id",
    "source",
    "boot_epoch",
    "seq",
    "tenant",
    "trace_id",
    "span_id",
    "parent_span_id",
    "event_time_us",
)
TOPIC_KEYS = {
    "topic", "description", "schema", "producers", "consumers", "key", "partitions", "retention_ms", "cleanup_policy",
    "max_message_bytes", "compatibility", "examples",
}  # fmt: skip
UNIT_SUFFIXES = {"_us": "microseconds", "_ms": "milliseconds", "_bytes": "bytes"}


def fields_of(schema: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    fields = schema["fields"]
    assert isinstance(fields, list)
    for field in fields:
        yield field
        inner = (
            field["type"]["items"] if isinstance(field["type"], dict) and "items" in field["type"] else field["type"]
        )
        if isinstance(inner, dict) and inner.get("type") == "record":
            yield from fields_of(inner)


def undocumented(schema: Mapping[str, object]) -> list[str]:
    return [str(field["name"]) for field in fields_of(schema) if len(str(field.get("doc", ""))) < 10]


def without_unit(schema: Mapping[str, object]) -> list[str]:
    names = []
    for field in fields_of(schema):
        for suffix, unit in UNIT_SUFFIXES.items():
            if str(field["name"]).endswith(suffix) and unit not in str(field["doc"]).lower():
                names.append(str(field["name"]))
    return names


@pytest.mark.capability("U4")
@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_every_field_says_what_it_means_and_in_which_unit(path: pathlib.Path) -> None:
    schema = json.loads(path.read_text())

    assert undocumented(schema) == []
    assert without_unit(schema) == []


def test_a_field_without_its_meaning_is_found() -> None:
    schema = {
        "fields": [{"name": "latency_ms", "type": "long", "doc": "How long it took."}, {"name": "x", "type": "int"}]
    }

    assert undocumented(schema) == ["x"]
    assert without_unit(schema) == ["latency_ms"]


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_every_event_starts_with_the_envelope(path: pathlib.Path) -> None:
    names = [field["name"] for field in json.loads(path.read_text())["fields"]]

    assert tuple(names[: len(ENVELOPE)]) == ENVELOPE


@pytest.mark.parametrize("path", TOPIC_FILES, ids=lambda path: path.stem)
def test_every_topic_is_complete_and_its_examples_are_what_they_claim(path: pathlib.Path) -> None:
    topic = yaml.safe_load(path.read_text())

    assert set(topic) == TOPIC_KEYS
    assert topic["topic"] == path.stem
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", topic["topic"])
    for example in topic["examples"]["valid"]:
        event = read_example(topic["topic"], example)
        assert decode_body(event.EVENT, encode_body(event)) == event
    for example in topic["examples"]["invalid"]:
        with pytest.raises((TypeError, ValueError, OverflowError, KeyError)):
            encode_body(read_example(topic["topic"], example))


def read_example(topic: str, example: str):  # type: ignore[no-untyped-def]  # any of the event types
    text = json.dumps(json.loads((ROOT / "schemas" / "examples" / example).read_text()))
    name = TOPICS[topic].event
    [record] = fastavro.json_reader(io.StringIO(text), PARSED[name])
    body = io.BytesIO()
    fastavro.schemaless_writer(body, PARSED[name], record, strict=True)
    return decode_body(name, body.getvalue())


def test_every_schema_and_example_is_used_by_a_topic() -> None:
    topics = [yaml.safe_load(path.read_text()) for path in TOPIC_FILES]
    examples = {example for topic in topics for kind in topic["examples"].values() for example in kind}
    found = {
        str(path.relative_to(ROOT / "schemas" / "examples")) for path in (ROOT / "schemas" / "examples").rglob("*.json")
    }

    assert {f"{topic['schema']}.avsc" for topic in topics} == {path.name for path in SCHEMAS}
    assert examples == found


@pytest.mark.parametrize("path", TOPIC_FILES, ids=lambda path: path.stem)
def test_a_topic_names_those_who_read_it_and_nobody_else(path: pathlib.Path) -> None:
    topic = yaml.safe_load(path.read_text())

    assert set(topic["consumers"]) == {"lineage"} | {name for name, read in readers().items() if path.stem in read}


@pytest.mark.parametrize("path", TOPIC_FILES, ids=lambda path: path.stem)
def test_a_topic_names_those_who_write_it_and_nobody_else(path: pathlib.Path) -> None:
    topic = yaml.safe_load(path.read_text())

    assert set(topic["producers"]) == {name for name, written in writers().items() if path.stem in written}


WITH_SPOOL = ("gateway", "otlp")
"""Services whose events are written by a drain of their own."""


def test_the_table_of_services_says_what_each_reads_and_writes_and_nothing_else() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|", page, re.MULTILINE)
    table = {name: (topics_in(reads), topics_in(writes)) for name, reads, writes in rows if name != "lineage"}
    drained = {name: table.pop(f"{name}-drain") for name in WITH_SPOOL}
    [lineage_row] = [row for row in rows if row[0] == "lineage"]

    assert drained == {name: (set(), writers()[name]) for name in WITH_SPOOL}
    assert table == {
        name: (readers().get(name, set()), set() if name in WITH_SPOOL else written)
        for name, written in writers().items()
        if name != "lineage"
    }
    assert (lineage_row[1], topics_in(lineage_row[2])) == ("every topic", writers()["lineage"])


def topics_in(cell: str) -> set[str]:
    return set(re.findall(r"[a-z]+(?:-[a-z]+)*", cell)) & set(TOPICS)


def writers() -> dict[str, set[str]]:
    """Topics that each service writes, as its code says."""
    found = {
        "gateway": {name for name in TOPICS if f'("{name}", ' in code_of("gateway")},  # (topic, key, event)
        "otlp": {name for name in TOPICS if f'("{name}", ' in code_of("otlp")},
        "inference": {inference.OUT_TOPIC},
        "drift": {announcer.TOPIC},
        "evaluator": {evaluator.OUT_TOPIC},
        "lineage": {auditor.TOPIC},
        "alerts": {state_store.TOPIC},
        "registry": {outbox.CHANGES_TOPIC, outbox.GOVERNANCE_TOPIC},
    }
    for name, written in found.items():
        code = code_of(name)
        if "empty_spool(" in code:  # what the drain of its spool writes beside the service's own events
            code += code_of("capture")
            written |= {topic for topic in TOPICS if f'("{topic}", ' in code}
        written |= {span_log.TOPIC} if "SpanLog(link" in code else set()
        written |= {deadletter.TOPIC} if "link.dead_letters(" in code else set()
    return found


def code_of(service: str) -> str:
    return "".join(path.read_text() for path in sorted((ROOT / "services" / "weir" / service).rglob("*.py")))


def readers() -> dict[str, set[str]]:
    """Topics that each service but lineage subscribes to, as its code says; lineage reads all that there are."""
    found = {
        "inference": {inference.IN_TOPIC},
        "drift": {drift.IN_TOPIC, SCORES_TOPIC},
        "evaluator": {*evaluator.IN_TOPICS, evaluator.REGISTRY_TOPIC},
        "alerts": {*alerts.TOPICS, CALLS_TOPIC},
        "gateway": set[str](),
        "otlp": set[str](),
    }
    for name in found:
        main = (ROOT / "services" / "weir" / name / "__main__.py").read_text()
        found[name] |= set(re.findall(r'topic="([a-z-]+)"', main))
    return found


def test_what_is_committed_is_what_the_schemas_generate() -> None:
    checked = subprocess.run(
        [sys.executable, "tools/schemas.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr


def test_the_page_for_consumers_says_of_each_topic_what_its_contract_says() -> None:
    page = (ROOT / "docs" / "kafka.md").read_text()
    listed = re.findall(r"^\| `([a-z-]+)` \| (.*) \| (.*) \| (\d+) \| (.*) \|$", page, re.MULTILINE)
    topics = [yaml.safe_load(file.read_text()) for file in TOPIC_FILES]

    assert sorted(listed) == sorted(
        (one["topic"], one["description"], one["key"], str(one["partitions"]), _kept(one)) for one in topics
    )


def _kept(topic: Mapping[str, object]) -> str:
    if topic["cleanup_policy"] == "compact":
        return "for ever, compacted"
    retention_ms = topic["retention_ms"]
    assert isinstance(retention_ms, int)
    return f"{retention_ms // 86_400_000} days"
