"""The registry as a stranger meets it: `weir` in a process of its own, stock Avro readers, an auditor."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from sqlalchemy import select

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import one_of_each
from harness.waiting import PATIENCE_S
from unit.registry.conftest import TOKEN
from weir.assets.template import variables_of
from weir.events import TOPICS, GovernanceRecorded, encode_body, frame
from weir.registry.adapters.database import Database
from weir.registry.adapters.tables import GOVERNANCE
from weir.registry.app.app import Registry
from weir.registry.core.governance import GENESIS, seal
from weir.registry.core.problems import Refused
from weir.runtime.clock import now_us

Weir = Callable[..., Awaitable[Any]]
Records = list[dict[str, Any]]


@pytest.fixture
def weir(url: str, tmp_path: Path) -> Weir:
    """Runs a command and gives its JSON document."""

    async def run(*arguments: str) -> Any:
        environment = {"WEIR_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        environment |= {"WEIR_REGISTRY_URL": url, "WEIR_REGISTRY_TOKEN": TOKEN}
        environment |= {name: os.environ[name] for name in ("WEIR_KAFKA_BOOTSTRAP",) if name in os.environ}
        ran = await asyncio.to_thread(command, environment, *arguments, "--json")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout)

    return run


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weir.cli", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def prompt(version: str, template: str = "{{ question }}") -> dict[str, Any]:
    return {
        "kind": "prompt", "name": "p", "version": version, "aliases": ["prod"],
        "spec": {"template": f"v{version}: {template}", "variables": list(variables_of(template))},
    }  # fmt: skip


def model(version: str) -> dict[str, Any]:
    card = {"description": f"v{version}", "kind": "k", "license": "l"}
    spec = {"task": "chat", "unary_model": "m", "stream_model": None, "input": "text_input", "card": card}
    return {"kind": "model", "name": "m", "version": version, "aliases": ["prod"], "spec": spec}


def chain(version: str, ranker: str, of_prompt: str = "p@prod") -> dict[str, Any]:
    nodes = [{"name": ranker, "kind": "ranking"}, {"name": "answer", "kind": "generation", "uses": "model/m@prod"}]
    spec = {"model": "m@prod", "prompt": of_prompt, "nodes": nodes, "edges": [[ranker, "answer"]]}
    return {"kind": "chain", "name": "c", "version": version, "aliases": ["prod"], "spec": spec}


def applied(registry: Registry, *documents: dict[str, Any]) -> None:
    registry.apply(documents, "ada", dry_run=False)


@pytest.mark.capability("D6", is_check=True)
@pytest.mark.slow
async def test_two_digests_of_a_chain_differ_node_by_node(registry: Registry, weir: Weir) -> None:
    applied(registry, prompt("1"), model("1"), chain("1", "rank"), chain("2", "rerank") | {"aliases": []})
    digests = {one["version"]: one["digest"] for one in (await weir("asset", "show", "chain", "c"))["versions"]}

    changes = (await weir("diff", "chain", "c", digests["1"], digests["2"]))["items"]

    assert [(one["path"], one["change"]) for one in changes] == [
        ("edges", "removed"),
        ("edges", "added"),
        ("nodes[rank]", "removed"),
        ("nodes[rerank]", "added"),
    ]


async def test_a_prompt_that_the_gateway_cannot_fill_is_refused_with_its_file(url: str, tmp_path: Path) -> None:
    environment = {"WEIR_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    environment |= {"WEIR_REGISTRY_URL": url, "WEIR_REGISTRY_TOKEN": TOKEN}
    (tmp_path / "a-prompt.yaml").write_text(yaml.safe_dump_all([prompt("1", "{{ question }} {{ tone }}"), model("1")]))
    (tmp_path / "b-chain.yaml").write_text(yaml.safe_dump(chain("1", "rank")))

    ran = await asyncio.to_thread(command, environment, "apply", "-f", str(tmp_path))

    assert ran.returncode == 6
    assert "nothing was applied; 1 problem:" in ran.stderr
    assert (
        f"{tmp_path / 'b-chain.yaml'}, document 1 (chain/c) spec.prompt: names p@prod, whose version 1 has the variable "
        "'tone', which the gateway does not fill; expected {{ question" in ran.stderr
    )


async def test_every_problem_of_every_document_is_named_with_its_place(url: str, tmp_path: Path) -> None:
    environment = {"WEIR_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    environment |= {"WEIR_REGISTRY_URL": url, "WEIR_REGISTRY_TOKEN": TOKEN}
    wrong = {"task": "paint", "unary_model": 7}
    models = [model("1"), {**model("2"), "spec": {**model("2")["spec"], **wrong}}]
    (tmp_path / "a-models.yaml").write_text(yaml.safe_dump_all(models))
    (tmp_path / "b-prompts.yaml").write_text(yaml.safe_dump_all([prompt("1"), prompt("2"), prompt("no version")]))
    expected = [
        ("a-models.yaml", 2, "model/m", "spec.task", "is 'paint'; expected one of: "),
        ("a-models.yaml", 2, "model/m", "spec.unary_model", "is 7; expected a text: put it in quotes"),
        ("b-prompts.yaml", 3, "prompt/p", "document.version", "is 'no version'; expected 1 to 128 of "),
    ]

    said = (await asyncio.to_thread(command, environment, "apply", "-f", str(tmp_path))).stderr.splitlines()
    document = await asyncio.to_thread(command, environment, "apply", "-f", str(tmp_path), "--json")
    problems = json.loads(document.stdout)["error"]["problems"]

    assert said[0] == "weir: nothing was applied; 3 problems:"
    assert len(said) == 1 + len(expected) + 1
    for line, problem, (file, number, asset, path, message) in zip(said[1:-1], problems, expected, strict=True):
        assert line.startswith(f"  {tmp_path / file}, document {number} ({asset}) {path}: {message}")
        assert problem["message"].startswith(message)
        place = {"file": str(tmp_path / file), "document": number, "kind": asset.split("/")[0], "path": path}
        assert place.items() <= problem.items()


UNFILLABLE = ("{{ question }} {{ tone }}", "has the variable 'tone'"), ("Say hello.", "has no place for what is asked")


@pytest.mark.parametrize(("template", "said"), UNFILLABLE)
def test_no_way_brings_a_prompt_into_use_that_the_gateway_cannot_fill(
    registry: Registry, template: str, said: str
) -> None:
    unused = prompt("2", template) | {"aliases": ["dev"]}
    applied(registry, prompt("1"), model("1"), chain("1", "rank"), unused)

    with pytest.raises(Refused, match=rf"chain/c\) spec\.prompt: names p@dev, whose version 2 {said}"):
        applied(registry, chain("2", "rank", "p@dev"))
    with pytest.raises(
        Refused, match=rf"prompt/p\) aliases: moves 'prod', which chain 'c' runs, to a version that {said}"
    ):
        applied(registry, unused | {"aliases": ["prod"]})
    with pytest.raises(
        Refused, match=rf"prompt/p\) aliases: moves 'prod', which chain 'c' runs, to a version that {said}"
    ):
        registry.move_alias("prompt", "p", "prod", "2", "bob")
    applied(registry, chain("1", "rank") | {"name": "d", "aliases": []})
    registry.move_alias("prompt", "p", "other", "2", "bob")

    assert registry.version("prompt", "p", "prod")[0].version == "1"


def test_an_alias_brings_no_chain_into_use_whose_prompt_cannot_be_filled(registry: Registry) -> None:
    applied(
        registry,
        prompt("1"),
        model("1"),
        chain("1", "rank"),
        chain("2", "rank", "p@dev") | {"aliases": []},
        prompt("3") | {"aliases": ["dev"]},
    )
    applied(registry, prompt("2", "{{ tone }}") | {"aliases": ["dev"]})

    with pytest.raises(Refused, match=r"spec\.prompt: names p@dev, whose version 2 has the variable 'tone'"):
        registry.move_alias("chain", "c", "prod", "2", "bob")


@pytest.mark.capability("D8", is_check=True)
@pytest.mark.slow
async def test_one_query_tells_what_changed_between_two_times_in_every_kind_of_asset(
    registry: Registry, weir: Weir, tmp_path: Path
) -> None:
    kinds: dict[str, Callable[[str], dict[str, Any]]] = {
        "prompt": prompt,
        "model": model,
        "chain": lambda version: chain(version, f"rank{version}"),
    }
    examples = yaml.safe_load_all((Path(__file__).parents[3] / "examples" / "registry" / "rules.yaml").read_text())
    others = [next(iter(examples)), *plain_assets()]
    applied(registry, *(make("1") for make in kinds.values()))
    began_us = now_us()
    applied(registry, *(make("2") for make in kinds.values()), *others)
    registry.move_alias("prompt", "p", "prod", "1", "bob")
    ended_us = now_us()
    applied(registry, prompt("3"))

    window = ("--since", iso(began_us), "--until", iso(ended_us))
    found = [
        (one["kind"], one["change"], one["version"], one["alias"], one["author"])
        for one in (await weir("asset", "history", *window))["items"]
    ]

    assert found[0] == ("prompt", "alias_moved", "1", "prod", "bob")
    assert {one[0] for one in found} == {"prompt", "model", "chain", "rule", "policy", "dataset", "evaluator"}
    for kind in kinds:
        assert (kind, "version_created", "2", "", "ada") in found
        assert (kind, "alias_moved", "2", "prod", "ada") in found
    assert {one[2] for one in found if one[0] in kinds} == {"1", "2"}
    assert [one["version"] for one in (await weir("asset", "history", "--since", iso(ended_us)))["items"]] == ["3", "3"]


def plain_assets() -> list[dict[str, Any]]:
    evaluator = {"description": "d", "type": "length", "routes": ["*"], "sample_rate": 1.0, "salt": "s", "threshold": 1.0,
                 "parameters": {"words_min": 1, "words_max": 9}}  # fmt: skip
    dataset = {"content_digest": f"sha256:{'0' * 64}", "source": "s", "passages": 1, "description": "d"}
    specs = {"policy": {"output_tokens_max": 9}, "dataset": dataset, "evaluator": evaluator}
    return [{"kind": kind, "name": kind, "version": "1", "spec": spec} for kind, spec in specs.items()]


def iso(time_us: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).isoformat()


@pytest.mark.capability("U4", is_check=True, clause="every topic")
@pytest.mark.slow
async def test_stock_consumers_and_clickhouse_decode_a_message_of_every_topic(url: str, tmp_path: Path) -> None:
    events = {event.EVENT: event for event in one_of_each()}

    def decoded() -> tuple[dict[str, str], list[str]]:
        with SchemaRegistryClient({"url": url}) as client:
            ids = {topic: client.get_latest_version(f"{topic}-value").schema_id for topic in TOPICS}
            messages = {topic: frame(ids[topic], encode_body(events[TOPICS[topic].event])) for topic in TOPICS}
            deserializer = AvroDeserializer(client)
            by_confluent = {
                topic: deserializer(message, SerializationContext(topic, MessageField.VALUE))
                for topic, message in messages.items()
            }
        for topic, message in messages.items():
            (tmp_path / f"{topic}.bin").write_bytes(message)
        files = [tmp_path / f"{topic}.bin" for topic in messages]
        return {topic: event["event_id"] for topic, event in by_confluent.items()}, avro_confluent(url, files)

    by_confluent, by_clickhouse = await asyncio.to_thread(decoded)

    expected = {topic: events[described.event].event_id for topic, described in TOPICS.items()}
    assert by_confluent == expected
    assert dict(zip(expected, by_clickhouse, strict=True)) == expected


def avro_confluent(url: str, files: Sequence[Path]) -> list[str]:
    """The event ids that ClickHouse's AvroConfluent reads, one message a file; in a process of its own."""
    script = textwrap.dedent(
        """
        import sys, chdb
        url, *files = sys.argv[1:]
        for file in files:
            print(chdb.query(
                f"SELECT event_id FROM file('{file}', AvroConfluent)"
                f" SETTINGS format_avro_schema_registry_url = '{url}'", "TabSeparated"), end="")
        """
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, url, *map(str, files)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def changed(records: Records) -> Records:
    """Another person did it."""
    return [{**records[0], "actor": "somebody else"}, *records[1:]]


def removed(records: Records) -> Records:
    """It never happened."""
    return [*records[:1], *records[2:]]


def inserted(records: Records) -> Records:
    """Something else happened too, sealed as a record should be."""
    event = GovernanceRecorded.from_record({**records[1], "action": "alias.move"})
    return [records[0], seal(event, records[0]["record_hash"]).as_record(), *records[1:]]


def moved(records: Records) -> Records:
    """It happened earlier."""
    return [records[1], records[0], *records[2:]]


def written_anew(records: Records) -> Records:
    """Everything is sealed again after a change, so that the chain itself holds."""
    anew: list[GovernanceRecorded] = []
    for record in records:
        event = replace(GovernanceRecorded.from_record(record), actor="somebody else")
        anew.append(seal(event, anew[-1].record_hash if anew else GENESIS))
    return [event.as_record() for event in anew]


def cut_off(records: Records) -> Records:
    """The end never happened."""
    return records[:-1]


MUTATIONS: list[tuple[Callable[[Records], Records], str]] = [
    (list, ""), (changed, "line 1 "), (removed, "line 2 "), (inserted, "line 3 "), (moved, "line 1 "),
    (written_anew, "anchored hash"), (cut_off, "anchored hash"),
]  # fmt: skip
"""What somebody does to the exported log, and what the verifier says of it; nothing of the log as it is."""


@pytest.mark.capability("G2", is_check=True)
@pytest.mark.slow
async def test_an_auditor_without_any_service_detects_every_mutation_of_the_exported_log(
    weir: Weir, registry: Registry, database: Database, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(registry, prompt("1"), model("1"))
    registry.move_alias("prompt", "p", "dev", "1", "bob")
    kafka, file = MockKafka(), tmp_path / "log.jsonl"
    await asyncio.to_thread(published, database, kafka, url)
    monkeypatch.setenv("WEIR_KAFKA_BOOTSTRAP", kafka.bootstrap)
    exported = await weir("governance", "export", str(file))
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert exported["records"] == len(records) > 3

    environment = {"WEIR_HOME": str(tmp_path / "nothing-here"), "PATH": os.environ["PATH"]}
    for mutation, word in MUTATIONS:
        file.write_text("".join(f"{json.dumps(record)}\n" for record in mutation(records)))
        verify = ("governance", "verify", str(file), "--anchor", exported["last_hash"])
        ran = await asyncio.to_thread(command, environment, *verify)
        assert ran.returncode == (5 if word else 0), (mutation.__name__, ran.stderr)
        assert word in ran.stderr, mutation.__name__


def published(database: Database, kafka: MockKafka, url: str) -> None:
    """Send what the registry recorded to the log, as its relay does: one partition, in order."""
    with database.reading() as connection:
        rows = connection.execute(select(GOVERNANCE.c.record_json).order_by(GOVERNANCE.c.number))
        events = [GovernanceRecorded.from_record(json.loads(row[0])) for row in rows]
    with SchemaRegistryClient({"url": url}) as client:
        schema_id = client.get_latest_version("governance-log-value").schema_id
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    for event in events:
        producer.produce("governance-log", frame(schema_id, encode_body(event)), partition=0)
    assert producer.flush(PATIENCE_S) == 0
