"""Dead letters are found, shown and put back; what cannot be put back says why, with the exit code of its kind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import NOON_US, one_of_each
from harness.waiting import PATIENCE_S
from weir.alerts.app import app as alerts
from weir.cli import log
from weir.cli.commands_log import SERVICES, dlq_list, dlq_replay, dlq_show, events_replay
from weir.cli.group_offsets import planned
from weir.cli.log_messages import REPLAYED_FROM, Messages
from weir.cli.output import CliError, ExitCode
from weir.cli.stack.processes import TIERS
from weir.drift import app as drift
from weir.evaluator import app as evaluator
from weir.events import DeadLettered, named_id
from weir.inference import app as inference
from weir.lineage.settings import LineageSettings

pytestmark = pytest.mark.capability("X1")

Put = Callable[..., None]
VALUE = b"\x00\x00\x00\x00\x07not what the schema says"


def letter(number: int, value: bytes = VALUE, **fields: object) -> DeadLettered:
    (plain,) = [event for event in one_of_each() if isinstance(event, DeadLettered)]
    return DeadLettered.from_record(
        {
            **plain.as_record(),
            "event_id": named_id(NOON_US, f"letter {number}"),
            "seq": number,
            "topic": "feedback",
            "partition": 0,
            "offset": number,
            "reason": "undecodable",
            "payload": value,
            "payload_bytes": len(value),
            "payload_sha256": hashlib.sha256(value).hexdigest(),
            **fields,
        }
    )


def written(kafka: MockKafka, value: bytes = VALUE) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0, "message.max.bytes": 16_777_216})
    producer.produce("feedback", key=b"key", value=value, partition=0)
    assert producer.flush(10) == 0


def read_again(kafka: MockKafka) -> list[tuple[Any, Any, str]]:
    """Key, value and origin of the messages that were written again."""
    found = []
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "look", "log_level": 0})
    for partition in consumer.list_topics("feedback", timeout=PATIENCE_S).topics["feedback"].partitions:
        place = TopicPartition("feedback", partition, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=PATIENCE_S)
        consumer.assign([place])
        for _ in range(end):
            (message,) = consumer.consume(1, PATIENCE_S)
            headers = dict(message.headers() or [])
            if REPLAYED_FROM in headers:
                origin = headers[REPLAYED_FROM]
                assert isinstance(origin, bytes)
                found.append((message.key(), message.value(), origin.decode()))
    consumer.close()
    return found


@pytest.mark.usefixtures("lineage")
def test_the_list_is_what_was_asked_for(put: Put, capsys: pytest.CaptureFixture[str]) -> None:
    put("dead-letters", letter(0), letter(1, reason="bad_magic"), letter(2, topic="spans", consumer_group="drift"))

    def listed(**asked: str) -> list[int]:
        dlq_list(**asked, json=True)  # type: ignore[arg-type]  # the options are texts
        return sorted(one["offset"] for one in json.loads(capsys.readouterr().out)["items"])

    assert listed() == [0, 1, 2]
    assert listed(reason="bad_magic") == [1]
    assert listed(topic="spans") == listed(group="drift") == [2]
    assert listed(topic="nothing") == []


@pytest.mark.usefixtures("lineage")
def test_one_is_shown_with_its_first_bytes(put: Put, capsys: pytest.CaptureFixture[str]) -> None:
    put("dead-letters", letter(0))

    dlq_show(letter(0).event_id)

    shown = capsys.readouterr().out
    assert "undecodable" in shown
    assert VALUE[:8].hex(" ") in shown


@pytest.mark.usefixtures("lineage")
def test_an_unknown_one_is_not_found() -> None:
    with pytest.raises(CliError) as caught:
        dlq_show(named_id(NOON_US, "nobody"))

    assert caught.value.code is ExitCode.NOT_FOUND


@pytest.mark.usefixtures("lineage")
def test_messages_are_written_again_byte_for_byte_with_their_origin(
    put: Put, kafka: MockKafka, capsys: pytest.CaptureFixture[str]
) -> None:
    other = VALUE + b" either"
    for value in (VALUE, other):
        written(kafka, value)
    put("dead-letters", letter(0), letter(1, other), letter(0, seq=9, event_id=named_id(NOON_US, "of another group")))

    dlq_replay(None, reason="undecodable", json=True)

    assert len(json.loads(capsys.readouterr().out)["replayed"]) == 2  # two consumers put the first aside: one message
    assert sorted(read_again(kafka)) == [(b"key", VALUE, "feedback/0/0"), (b"key", other, "feedback/0/1")]


@pytest.mark.usefixtures("lineage")
def test_a_message_that_is_refused_again_and_again_is_written_once_a_replay(
    put: Put, kafka: MockKafka, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        written(kafka)  # what the replay before this one wrote
        put("dead-letters", letter(number, event_time_us=NOON_US + number))

        dlq_replay(None, reason="undecodable", json=True)

        (replayed,) = json.loads(capsys.readouterr().out)["replayed"]
        assert replayed["from"] == f"feedback/0/{number}"


@pytest.mark.usefixtures("lineage")
def test_a_message_of_ten_megabytes_is_written_again(put: Put, kafka: MockKafka) -> None:
    value = b"\x00" * 10_000_000
    written(kafka, value)
    kept: dict[str, Any] = {
        "payload": value[:64],
        "payload_bytes": len(value),
        "payload_sha256": hashlib.sha256(value).hexdigest(),
    }
    put("dead-letters", letter(0, **kept))

    dlq_replay([letter(0).event_id], json=True)

    assert [(len(found), origin) for _, found, origin in read_again(kafka)] == [(len(value), "feedback/0/0")]


@pytest.mark.usefixtures("lineage")
def test_what_retention_took_is_written_from_what_the_dead_letter_keeps(put: Put, kafka: MockKafka) -> None:
    written(kafka)
    put("dead-letters", letter(500, message_key=b"k"))

    dlq_replay([letter(500).event_id], json=True)

    assert read_again(kafka) == [(b"k", VALUE, "feedback/0/500")]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"payload_sha256": "0" * 64, "offset": 0}, ExitCode.INVALID, "is another one now"),
        ({"payload_bytes": 10_000, "offset": 500}, ExitCode.NOT_FOUND, "keeps 29 of 10000 bytes"),
    ],
)
@pytest.mark.usefixtures("lineage")
def test_what_is_not_the_message_any_more_is_not_written(
    put: Put, kafka: MockKafka, changes: dict[str, Any], code: ExitCode, words: str
) -> None:
    written(kafka)
    put("dead-letters", letter(1, **changes))

    with pytest.raises(CliError, match=words) as caught:
        dlq_replay([letter(1).event_id])

    assert caught.value.code is code
    assert read_again(kafka) == []


def test_everything_is_not_what_a_replay_means() -> None:
    with pytest.raises(CliError, match="say which dead letters") as caught:
        dlq_replay(None)

    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("topic", "since", "code", "words"),
    [
        ("feedbacks", "2026-11-24", ExitCode.NOT_FOUND, "no topic is named 'feedbacks'"),
        ("feedback", "yesterday", ExitCode.INVALID, "--since is 'yesterday'"),
        ("feedback", "2026-11-24", ExitCode.NOT_FOUND, "has committed nothing of 'feedback'"),
    ],
)
def test_a_range_that_means_nothing_is_refused(
    kafka: MockKafka, topic: str, since: str, code: ExitCode, words: str
) -> None:
    written(kafka)

    with pytest.raises(CliError, match=words) as caught:
        events_replay("a-group-of-nobody", topic, since)

    assert caught.value.code is code


def test_a_range_with_an_end_needs_a_service_that_can_be_stopped(kafka: MockKafka) -> None:
    with pytest.raises(CliError, match="--until needs a service of the embedded stack") as caught:
        events_replay("a-group-of-nobody", "feedback", "2026-11-24", "2026-11-25")
    assert caught.value.code is ExitCode.INVALID

    with pytest.raises(CliError, match="is not before --until 2026-11-24"):
        events_replay("lineage", "feedback", "2026-11-24", "2026-11-24")


def test_every_consumer_of_weir_can_be_given_a_range_again() -> None:
    groups = {LineageSettings().group, inference.GROUP, drift.GROUP, evaluator.GROUP, alerts.GROUP, alerts.CALLS_GROUP}

    assert set(SERVICES) == groups
    assert set(SERVICES.values()) <= {name for tier in TIERS for name in tier}


OFFSETS = st.dictionaries(st.integers(0, 3), st.integers(0, 20))


@given(OFFSETS, OFFSETS, OFFSETS)
def test_a_group_never_moves_forward_and_never_past_its_range(
    before: dict[int, int], first: dict[int, int], ends: dict[int, int]
) -> None:
    moved = {one.partition: one for one in planned(before, first, ends)}

    assert all(one.now_at < one.end <= one.was_at for one in moved.values())
    assert all(one.end <= ends.get(number, one.was_at) for number, one in moved.items())
    for number, was_at in before.items():
        due = set(range(first.get(number, was_at), min(was_at, ends.get(number, was_at))))
        one = moved.get(number)
        assert due == (set(range(one.now_at, one.end)) if one else set())


def test_without_a_broker_the_log_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setattr(log, "TIMEOUT_S", 0.5)

    with (
        Messages() as messages,
        pytest.raises(CliError, match=r"no answer from the broker at 127\.0\.0\.1:9") as caught,
    ):
        messages.read("feedback", 0, 0)

    assert caught.value.code is ExitCode.NOT_READY


@pytest.mark.usefixtures("lineage", "kafka")
def test_a_record_of_the_spool_is_shown_and_never_written_into_a_topic(
    put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    put("dead-letters", letter(1, topic="gateway-spool", consumer_group="gateway-drain"))
    with pytest.raises(CliError, match="record of a spool") as refused:
        dlq_replay([letter(1).event_id])
    assert refused.value.code is ExitCode.INVALID

    dlq_list(group="gateway-drain")
    dlq_replay(group="gateway-drain")

    out = capsys.readouterr().out
    assert "gateway-spool" in out
    assert "0 messages written again" in out
    assert "1 are records of a spool" in out
