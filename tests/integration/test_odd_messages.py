"""Odd messages on the real log: each ends as a row or as one dead letter of every group that reads it, and all goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from confluent_kafka import Producer

from harness.samples.builders import one_of_each
from harness.stack.running_stack import RunningStack
from harness.stack.second_store import SecondStore
from harness.waiting import PATIENCE_S, eventually
from weir.events import TOPICS, encode_body, frame
from weir.runtime.clock import now_us
from weir.runtime.identity import new_id

pytestmark = [pytest.mark.stack, pytest.mark.capability("X1")]
DAY_US = 86_400_000_000
MONTH_US = int(30.5 * DAY_US)
of_type: dict[str, Any] = {event.EVENT: event for event in one_of_each()}


def produce(stack: RunningStack, topic: str, key: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap, "linger.ms": 200})
    for value in values:
        producer.produce(topic, value=value, key=key.encode(), partition=0)
    assert producer.flush(30) == 0


def fresh(event: str, seq: int, source: str, **fields: Any) -> bytes:
    """An event of now, in a life of its own."""
    made = {"event_id": new_id(), "source": source, "boot_epoch": 1, "seq": seq, "event_time_us": now_us()}
    return encode_body(replace(of_type[event], **(made | fields)))


def odd(stack: RunningStack, topic: str, source: str) -> Mapping[str, bytes]:
    """Bodies and ids that decode, or seem to, and that nobody can keep."""
    event, schema_id = TOPICS[topic].event, stack.schema_id(topic)
    made: dict[str, dict[str, Any]] = {
        "nanoseconds": {"event_time_us": now_us() * 1_000},
        "milliseconds": {"event_time_us": now_us() // 1_000},
        "2110": {"event_time_us": 4_417_977_600_000_000},
        "2290": {"event_time_us": 10_100_000_000_000_000},
        "int64": {"event_time_us": 2**63 - 1},
        "nan": {"score": float("nan")},
        "inf": {"score": float("inf")},
        "an id of capitals": {"event_id": new_id().upper()},
        "no id": {"event_id": ""},
    }
    good = fresh(event, 0, source)
    nulls = registered(stack, '{"type":"array","items":"null"}')
    return {
        **{name: frame(schema_id, fresh(event, 0, source, **fields)) for name, fields in made.items()},
        "an id of 2**31": frame(2**31, good),
        "an id of another topic": frame(stack.schema_id("governance-log"), good),
        "an id of a text": frame(registered(stack, '"string"'), b"\x02a"),
        "an id of endless nulls": frame(nulls, b"\x80\x80\x80\x80\x80\x80\x20\x00"),
        "longer": frame(schema_id, good + b"abc"),
        "no UTF-8": frame(schema_id, fresh(event, 0, source, label="abcd").replace(b"abcd", b"ab\xed\xa0")),
    }  # fmt: skip


def registered(stack: RunningStack, schema: str) -> int:
    """Id of a schema that somebody registered; one that nobody did where the registry takes no such schema."""
    url = f"{stack.registry_url}/subjects/odd-{new_id()}/versions"
    answer = httpx2.post(url, json={"schema": schema}, headers=stack.authorization, timeout=30)
    return int(answer.json()["id"]) if answer.status_code == 200 else 999_998


@pytest.mark.parametrize(
    ("topic", "groups"), [("feedback", ("evaluator",)), ("evaluation-scores", ("alerts", "drift"))]
)
def test_what_nobody_can_keep_is_one_dead_letter_a_group_and_the_next_message_is_stored(
    stack: RunningStack, topic: str, groups: tuple[str, ...]
) -> None:
    key, source = new_id(), f"odd/{new_id()}"
    values = list(odd(stack, topic, source).values())
    produce(stack, topic, key, [*values, frame(stack.schema_id(topic), fresh(TOPICS[topic].event, 1, source))])

    stack.until_count(f"v_{topic.replace('-', '_')}", f"source = '{source}' AND seq = 1", 1)
    where = f"topic = '{topic}' AND message_key = '{key}' AND consumer_group = "
    for group in ("lineage", *groups):
        stack.until_count("v_dead_letters", f"{where}'{group}'", len(values))
        assert stack.count("v_dead_letters", f"{where}'{group}'") == len(values)
    assert stack.count(f"v_{topic.replace('-', '_')}", f"source = '{source}'") == 1


def test_a_backfill_of_130_months_stops_nothing_and_each_of_it_is_accounted_for(stack: RunningStack) -> None:
    key, source, schema_id = new_id(), f"backfill/{new_id()}", stack.schema_id("feedback")
    bodies = [fresh("FeedbackReceived", n, source, event_time_us=now_us() - n * MONTH_US) for n in range(130)]
    produce(stack, "feedback", key, [frame(schema_id, body) for body in bodies])

    stack.until_count("v_dead_letters", f"message_key = '{key}' AND error LIKE '%too old when it was written%'", 129)
    stack.until_count("v_feedback", f"source = '{source}'", 1)
    assert stack.count("v_dead_letters", f"message_key = '{key}'") == 129
    assert httpx2.get(f"{stack.lineage_url}/readyz", timeout=PATIENCE_S).status_code == 200

    (book,) = [one for one in stack.get(stack.lineage_url, "/v1/audit")["sources"] if one["source"] == source]
    assert (book["stored"], book["missing"], book["missing_ranges"]) == (1, 0, [])


def test_a_sink_that_stores_nothing_is_not_ready_and_says_why(stack: RunningStack, tmp_path: Path) -> None:
    second = SecondStore(stack, tmp_path / "stalled", WEIR_LINEAGE_STALL_S="1")
    second.begin_at_end()
    with second:
        second.sink.until_ready()
        second.clickhouse.kill()
        source = f"stalled/{new_id()}"
        body = fresh("FeedbackReceived", 0, source)
        produce(stack, "feedback", "k", [frame(stack.schema_id("feedback"), body)])

        def page() -> Any:
            answer = httpx2.get(f"{second.sink.url}/readyz", timeout=10)
            return answer.json()["missing"].get("sink") if answer.status_code == 503 else ""

        assert "nothing was stored for" in eventually(page, within_s=PATIENCE_S, what="the unready page")

        second.clickhouse.start()
        second.sink.until_ready()
        eventually(lambda: second.count("v_feedback", f"source = '{source}'") == 1, within_s=PATIENCE_S, what="the row")
