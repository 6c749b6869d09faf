"""Lineage beside a broker whose leaders are older than its clients know: it was killed, and lost what it had not written.

A client that knows a newer epoch of a leader believes no answer of that broker any more. CI stood still so: the sink's consumer
fetched nothing, and what was to notice it asked for the ends of the log with such a client, in vain.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

from harness.kafka.brokers import Brokers
from harness.kafka.mock_kafka import know_schemas
from harness.samples.builders import one_of_each
from harness.stack.service_process import ServiceProcess
from harness.waiting import QUERY_LOOK_S, eventually
from weir.cli.stack.topics import create_topics
from weir.events import TOPICS, RegistryChanged, encode_body, frame
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.backlog import Backlog

pytestmark = pytest.mark.capability("X1")

WITHIN_S = 150.0
"""Seconds for an answer, or for a row. Arbitrary: any value from 90 to 600 would do; a sink takes up to 30 s to notice that it
reads nothing, and 10 more to look, and a client that believes nothing does so for ever."""

KILLS = 2
"""Each makes the leader's epoch of every partition one larger; a broker that lost its disk begins at 0 again."""

TOPIC = "registry-changes"

change = next(event for event in one_of_each() if isinstance(event, RegistryChanged))


@pytest.fixture
def broker() -> Iterator[Brokers]:
    with Brokers(1) as brokers:
        create_topics(brokers.bootstrap)
        yield brokers


def test_the_ends_of_the_log_are_told_again(broker: Brokers, tmp_path: Path) -> None:
    backlog = Backlog(LineageSettings(data_dir=tmp_path, kafka_bootstrap=broker.bootstrap))
    for _ in range(KILLS):
        assert ends(backlog)
        kill(broker)
    assert ends(backlog)

    lose_the_epochs(broker)

    assert set(ends(backlog).values()) == {0}


def test_the_sink_reads_on(broker: Brokers, tmp_path: Path) -> None:
    with_schemas = tmp_path / "data" / "lineage" / "sink-schema-ids.json"
    know_schemas(with_schemas)
    environment = {"WEIR_DATA_DIR": str(tmp_path / "data"), "WEIR_KAFKA_BOOTSTRAP": broker.bootstrap}
    sink = ServiceProcess("the sink", [sys.executable, "-m", "weir.lineage"], environment, tmp_path / "lineage.log")
    try:
        sink.start()
        sink.until_ready()
        for number in range(KILLS):
            tell(broker)
            eventually(lambda n=number: rows(sink) > n, within_s=WITHIN_S, what="a row")  # type: ignore[misc]  # bound
            kill(broker)
        tell(broker)
        eventually(lambda: rows(sink) > KILLS, within_s=WITHIN_S, what="a row after the kills")
        pid = sink.process.pid

        lose_the_epochs(broker)
        tell(broker)

        eventually(lambda: rows(sink) > KILLS + 1, within_s=WITHIN_S, what="a row of the new log")
        assert sink.process.pid == pid
    finally:
        sink.kill()


def kill(broker: Brokers) -> None:
    broker.kill(1)
    broker.start(1)
    broker.until_answering()


def lose_the_epochs(broker: Brokers) -> None:
    broker.kill(1)
    broker.empty(1)
    broker.start(1)
    broker.until_answering()
    create_topics(broker.bootstrap)


def tell(broker: Brokers) -> None:
    """One event into the log."""
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(TOPIC, frame(list(TOPICS).index(TOPIC) + 1, encode_body(change)), key=change.name.encode())
    assert producer.flush(60) == 0


def rows(sink: ServiceProcess) -> float:
    return sink.metric("weir_lineage_rows_total", topic=TOPIC)


def ends(backlog: Backlog) -> dict[tuple[str, int], int]:
    def asked() -> dict[tuple[str, int], int] | None:
        try:
            return {(place[0], place[1]): end for place, end in backlog.ends().items()}
        except KafkaException:
            return None

    return eventually(asked, within_s=WITHIN_S, what="the ends of the log", look_s=QUERY_LOOK_S)
