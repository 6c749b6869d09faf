"""A real Kafka cluster of the test's own: KRaft brokers that are also controllers, each a process with a folder to take away."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from harness.stack.service_process import free_port
from harness.waiting import eventually
from weir.cli.stack.kafka_storage import CLUSTER_ID, JAVA_LOCALE
from weir.cli.stack.layout import repository

MEMORY = ("-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Of each broker: three of them take 870 MiB."""

START_WITHIN_S = 120.0
"""Seconds a cluster may take to answer. Chosen: ten times what three brokers take on two quiet cores."""

PROPERTIES = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
log.segment.bytes=67108864
replica.lag.time.max.ms=10000
broker.session.timeout.ms=6000
"""


class Brokers:
    """`count` brokers with as many copies of everything; with three, two of them must have a write."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._ports = {number: (free_port(), free_port()) for number in range(1, count + 1)}
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port, _ in self._ports.values())

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="weir-kafka-"))
        try:
            for number in self._ports:
                self.start(number)
            self.until_answering()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self._running):
            self.kill(number)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, number: int) -> None:
        """Start a broker; an empty folder is formatted first."""
        place = self._folder / str(number)
        place.mkdir(exist_ok=True)
        properties = place / "server.properties"
        properties.write_text(self._properties(number))
        if not (self._data(number) / "meta.properties").exists():
            _java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties))
        with (place / "log").open("ab") as log:
            command = ["java", *MEMORY, f"-Dlog4j2.configurationFile={_log_config()}", "-cp", _jars(), "kafka.Kafka"]
            self._running[number] = subprocess.Popen(
                [*command, str(properties)], stdout=log, stderr=log, env={"PATH": "/usr/bin:/bin", **JAVA_LOCALE}
            )

    def kill(self, number: int) -> None:
        """Kill a broker and wait for its end."""
        process = self._running.pop(number)
        process.send_signal(signal.SIGKILL)
        process.wait(60)

    def empty(self, number: int) -> None:
        """Take away all that a killed broker kept."""
        assert number not in self._running
        shutil.rmtree(self._data(number))

    def until_answering(self) -> None:
        """Wait until every running broker is in the cluster."""
        eventually(self._is_answering, within_s=START_WITHIN_S, what=f"{self._count} brokers")

    def copies_in_sync(self) -> dict[int, int]:
        """How many partitions have so many copies in sync."""
        found: dict[int, int] = {}
        for topic in (
            AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2}).list_topics(timeout=15).topics.values()
        ):
            for partition in topic.partitions.values():
                found[len(partition.isrs)] = found.get(len(partition.isrs), 0) + 1
        return found

    def _is_answering(self) -> bool:
        for number in self._running:
            assert self._running[number].poll() is None, (self._folder / str(number) / "log").read_text()[-2_000:]
        if not all(_listens(self._ports[number][0]) for number in self._running):
            return False
        try:
            admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            return len(admin.list_topics(timeout=5).brokers) == len(self._running)
        except KafkaException:
            return False

    def _properties(self, number: int) -> str:
        port, controller_port = self._ports[number]
        voters = ",".join(f"{one}@127.0.0.1:{controller}" for one, (_, controller) in self._ports.items())
        return PROPERTIES.format(
            number=number,
            voters=voters,
            port=port,
            controller_port=controller_port,
            data=self._data(number),
            copies=self._count,
            in_sync=max(1, self._count - 1),
        )

    def _data(self, number: int) -> Path:
        return self._folder / str(number) / "data"


def _java(*words: str) -> None:
    command = ["java", *MEMORY, "-cp", _jars(), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _jars() -> str:
    return f"{repository() / '.weir' / 'kafka' / 'libs'}/*"


def _log_config() -> Path:
    return repository() / "infra" / "kafka" / "log4j2.properties"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
