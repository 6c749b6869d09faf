"""Putting messages back: dead letters into their topic, a range of the log into a group, and the store is none the worse."""

from __future__ import annotations

import hashlib
import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from harness.calls.asking import ask_over_triton
from harness.kafka.log_reader import events_of
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually
from weir.cli.stack.layout import repository
from weir.events import TextFeaturesComputed
from weir.runtime.identity import new_id

pytestmark = [pytest.mark.stack, pytest.mark.capability("X1")]
TOPIC = "feedback"


def weir(stack: RunningStack, *arguments: str) -> Any:
    """The document that a command prints."""
    done = subprocess.run(
        [str(repository() / ".venv" / "bin" / "weir"), *arguments, "--json"],
        env={"WEIR_HOME": str(stack.home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_dead_letter_is_written_again_byte_for_byte_and_says_where_it_came_from(stack: RunningStack) -> None:
    key, value = new_id(), b"\x00" + b"\xff" * 4 + b"written with a schema nobody knows"
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap})
    producer.produce(TOPIC, key=key, value=value, partition=0)
    assert producer.flush(60) == 0
    mine = f"message_key = '{key}' AND consumer_group = 'lineage'"
    stack.until_count("v_dead_letters", mine, 1)
    ((event_id, offset),) = stack.sql(f"SELECT event_id, offset FROM v_dead_letters WHERE {mine}")

    shown = weir(stack, "dlq", "show", event_id)
    replayed = weir(stack, "dlq", "replay", event_id)["replayed"]
    stack.until_count("v_dead_letters", mine, 2)

    assert (shown["reason"], shown["payload_sha256"]) == ("unknown_schema", hashlib.sha256(value).hexdigest())
    assert replayed == [{"event_id": event_id, "from": f"{TOPIC}/0/{offset}", "bytes": len(value)}]
    ((again,),) = stack.sql(f"SELECT max(offset) FROM v_dead_letters WHERE {mine}")
    assert _message_at(stack, int(again)) == (value, f"{TOPIC}/0/{offset}")


def test_a_range_fed_to_the_sink_again_changes_nothing_that_is_stored(stack: RunningStack) -> None:
    asked = ask_over_triton(stack.gateway_grpc, "What is a set?").request_id
    where = f"request_id = '{asked}'"
    stack.until_count("v_inference_responses", where, 1)
    ((before,),) = stack.sql("SELECT uniqExact(event_id) FROM v_inference_responses")

    moved = weir(
        stack, "events", "replay", "--group", "lineage", "--topic", "inference-responses", "--since", "2026-01-01"
    )["moved"]
    rebuilt = sum(row["messages"] for row in moved)
    stack.until_ready("lineage")
    eventually(lambda: _handled(stack) >= rebuilt, within_s=PATIENCE_S, what=f"{rebuilt} messages handled again")
    later = ask_over_triton(stack.gateway_grpc, "What is a set?").request_id
    stack.until_count("v_inference_responses", f"request_id = '{later}'", 1)
    eventually(
        lambda: not stack.get(stack.lineage_url, "/v1/audit")["in_kafka"], within_s=PATIENCE_S, what="an empty backlog"
    )

    assert rebuilt >= 1
    ((rows, distinct),) = stack.sql("SELECT count(), uniqExact(event_id) FROM v_inference_responses")
    assert rows == distinct >= before
    assert stack.count("v_inference_responses", where) == 1


def test_a_range_with_an_end_is_fed_again_and_the_group_is_where_it_was(stack: RunningStack) -> None:
    began = datetime.now(UTC)
    first = ask_over_triton(stack.gateway_grpc, "What is a tuple?").request_id
    eventually(lambda: _said(stack, first), within_s=PATIENCE_S, what="the first call's features")
    ended = datetime.now(UTC)
    second = ask_over_triton(stack.gateway_grpc, "What is a tuple?").request_id
    eventually(lambda: _said(stack, second), within_s=PATIENCE_S, what="the second call's features")
    stack.until_count("v_text_features", f"request_id = '{second}'", 1)

    group = ("--group", "inference-features", "--topic", "inference-responses")
    moved = weir(stack, "events", "replay", *group, "--since", began.isoformat(), "--until", ended.isoformat())["moved"]
    stack.until_ready("inference")
    third = ask_over_triton(stack.gateway_grpc, "What is a tuple?").request_id
    eventually(lambda: _said(stack, third), within_s=PATIENCE_S, what="the features of a call after it")

    assert [one["messages"] for one in moved] == [1]
    assert _said(stack, first) == 2
    assert _said(stack, third) == 1
    for request_id in (first, second, third):
        stack.until_count("v_text_features", f"request_id = '{request_id}'", 1)
        assert stack.count("v_text_features", f"request_id = '{request_id}'") == 1


def _said(stack: RunningStack, request_id: str) -> int:
    """How often the log holds the features of a call."""
    found = [event for _, _, event in events_of(stack, "text-features") if isinstance(event, TextFeaturesComputed)]
    return sum(item.request_id == request_id for event in found for item in event.items)


def _handled(stack: RunningStack) -> float:
    """Rows and dead letters (other tests write bad messages) of the sink's present life, which began after the replay."""
    lines = httpx2.get(f"{stack.lineage_url}/metrics", timeout=60).text.splitlines()
    ours = ("weir_lineage_rows_total{", "weir_dead_letters_total{")
    told = [line for line in lines if line.startswith(ours) and 'topic="inference-responses"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in told)


def _message_at(stack: RunningStack, offset: int) -> tuple[bytes | None, str]:
    consumer = Consumer({"bootstrap.servers": stack.kafka_bootstrap, "group.id": "look"})
    try:
        consumer.assign([TopicPartition(TOPIC, 0, offset)])
        found = consumer.poll(30)
        assert found is not None
        headers = dict(found.headers() or [])
        origin = headers["weir-replayed-from"]
        assert isinstance(origin, bytes)
        value = found.value()
        assert isinstance(value, bytes)
        return value, origin.decode()
    finally:
        consumer.close()
