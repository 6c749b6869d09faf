"""What an intent names is read again whole and alone, from any partitions, by who has no part in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.kafka.mock_kafka import MockKafka
from harness.waiting import PATIENCE_S
from weir.events.log import OffsetRange, RawMessage
from weir.lineage.settings import LineageSettings
from weir.lineage.sink import rereading
from weir.lineage.sink.core.client_call import ClientCall
from weir.lineage.sink.rereading import read_again

TOPIC, PARTITIONS, MESSAGES = "spans", 3, 8
pytestmark = pytest.mark.capability("X1")


class Log:
    """A broker whose topic has some messages in each partition, and who reads ranges of it again."""

    def __init__(self, folder: Path) -> None:
        self.kafka = MockKafka()
        self.settings = LineageSettings(data_dir=folder, kafka_bootstrap=self.kafka.bootstrap)
        self.waits = 0
        for partition in range(PARTITIONS):
            self.write(partition, range(MESSAGES))

    def write(self, partition: int, offsets: range) -> None:
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap, "linger.ms": 0})
        for offset in offsets:
            producer.produce(TOPIC, value=value_of(partition, offset), partition=partition)
        assert producer.flush(PATIENCE_S) == 0

    def read(self, *ranges: OffsetRange, patience: Any = None) -> list[RawMessage] | None:
        return read_again(self.settings, ranges, raw, ClientCall(PATIENCE_S), patience or self.wait)

    def wait(self, seconds: float) -> bool:
        self.waits += 1
        return True


def value_of(partition: int, offset: int) -> bytes:
    return f"{partition}/{offset}".encode()


def raw(message: Any) -> RawMessage:
    return RawMessage(message.topic(), message.partition(), message.offset(), None, message.value(), 0)


def expected(*ranges: OffsetRange) -> list[tuple[int, int, bytes]]:
    return [
        (one.partition, offset, value_of(one.partition, offset))
        for one in ranges
        for offset in range(one.first, one.end)
    ]


def told(messages: list[RawMessage] | None) -> list[tuple[int, int, bytes | None]]:
    assert messages is not None
    return [(one.partition, one.offset, one.value) for one in messages]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(tmp_path_factory.mktemp("rereading"))


bounds = st.tuples(st.integers(0, MESSAGES - 1), st.integers(0, MESSAGES - 1))


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.integers(0, PARTITIONS - 1), bounds, min_size=1))
def test_the_ranges_come_whole_alone_and_in_order(log: Log, found: dict[int, tuple[int, int]]) -> None:
    ranges = [OffsetRange(TOPIC, number, min(ends), max(ends)) for number, ends in found.items()]

    assert told(log.read(*ranges)) == expected(*ranges)


def test_what_the_log_does_not_hold_yet_is_waited_for(tmp_path: Path) -> None:
    log = Log(tmp_path)
    ranges = OffsetRange(TOPIC, 0, 6, MESSAGES), OffsetRange(TOPIC, 1, 0, 1)

    def wait(_: float) -> bool:
        if log.waits == 0:
            log.write(0, range(MESSAGES, MESSAGES + 2))
        return log.wait(0)

    assert told(log.read(*ranges, patience=wait)) == expected(*ranges)
    assert log.waits > 0


def test_an_error_that_passes_is_said_and_passed_over(
    log: Log, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broker that is away comes as a message without an offset, among the others."""
    real, left = Consumer, [KafkaError(KafkaError._TRANSPORT, "the broker is away")]

    class Shaken:
        def __init__(self, config: dict[str, Any]) -> None:
            self._real = real(config)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def consume(self, count: int, timeout_s: float) -> list[Any]:
            return [Failed(left.pop())] if left else self._real.consume(count, timeout_s)

    monkeypatch.setattr(rereading, "Consumer", Shaken)
    wanted = OffsetRange(TOPIC, 0, 0, MESSAGES - 1)

    assert told(log.read(wanted)) == expected(wanted)
    said = "".join(capsys.readouterr())
    assert "reread_error" in said
    assert "the broker is away" in said


class Failed:
    """What the client gives for an error."""

    def __init__(self, error: KafkaError) -> None:
        self._error = error

    def error(self) -> KafkaError:
        return self._error


def test_a_stop_ends_the_waiting(log: Log) -> None:
    assert log.read(OffsetRange(TOPIC, 2, 0, MESSAGES + 5), patience=lambda _: False) is None
