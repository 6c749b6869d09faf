"""A second store on the same log: its own ClickHouse server and its own sink, to take away without harm to the stack.

The sink is `python -m weir.lineage` in another consumer group; the server is the real engine behind HTTP
(`clickhouse_front`). Whatever happens to either, in the end the store must hold what the log holds, once.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx2
from confluent_kafka import Consumer, TopicPartition

from harness.stack.running_stack import RunningStack
from harness.stack.service_process import ServiceProcess, free_port
from harness.store.sql_answers import answered, is_unanswered, rows_in
from weir.events import TOPICS

FRONT = Path(__file__).resolve().parents[1] / "store" / "clickhouse_front.py"


class SecondStore:
    """Both processes; `with` starts and stops them."""

    def __init__(self, stack: RunningStack, folder: Path, **settings: str) -> None:
        """settings: environment variables of the sink."""
        folder.mkdir(parents=True, exist_ok=True)
        self.group = f"second-{time.time_ns()}"
        self._headers = stack.authorization
        self._kafka = stack.kafka_bootstrap
        self.clickhouse = clickhouse_in(folder)
        environment = {
            **stack.environment,
            "WEIR_DATA_DIR": str(folder / "data"),
            "WEIR_LINEAGE_GROUP": self.group,
            "WEIR_LINEAGE_CLICKHOUSE_URL": self.clickhouse.url,
            "WEIR_LINEAGE_AUDIT_EVERY_S": "3600",  # what is planted here is no alarm of the stack, unless a test asks for it
            **settings,
        }
        self.sink = ServiceProcess(
            "the second sink", [sys.executable, "-m", "weir.lineage"], environment, folder / "lineage.log"
        )

    def begin_at_end(self) -> None:
        """Before the start: the sink reads only what comes from now on, not what other tests left in the log."""
        consumer = Consumer({"bootstrap.servers": self._kafka, "group.id": self.group, "enable.auto.commit": False})
        try:
            places = [TopicPartition(name, n) for name, topic in TOPICS.items() for n in range(topic.partitions)]
            for place in places:
                place.offset = consumer.get_watermark_offsets(place, timeout=60)[1]
            consumer.commit(offsets=places, asynchronous=False)
        finally:
            consumer.close()

    def point_at(self, port: int) -> None:
        """The sink reaches its server through this port."""
        self.sink.environment = {**self.sink.environment, "WEIR_LINEAGE_CLICKHOUSE_URL": f"http://127.0.0.1:{port}"}

    def move_clickhouse(self, folder: Path) -> None:
        """Start the server anew on an empty folder elsewhere, and the sink with it, from the beginning of the log."""
        self.sink.kill()
        self.clickhouse.kill()
        self.group = f"second-{time.time_ns()}"
        self.sink.environment = {**self.sink.environment, "WEIR_LINEAGE_GROUP": self.group}
        self.clickhouse.command = [*self.clickhouse.command[:-1], str(folder)]
        self.clickhouse.start()
        self.clickhouse.until_ready()
        self.sink.start()
        self.sink.until_ready()

    def __enter__(self) -> Self:
        self.clickhouse.start()
        self.clickhouse.until_ready()
        self.sink.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.sink.kill()
        self.clickhouse.kill()

    def sql(self, query: str) -> list[list[Any]]:
        """Rows of a query over the second store's views; a busy one is asked again."""
        return rows_in(answered(lambda: self._answer(query)))

    def count(self, view: str, where: str) -> int:
        """Rows of a view; 0 while nobody answers, the sink or the server behind it."""
        try:
            answer = self._answer(f"SELECT count() FROM {view} WHERE {where}")
        except httpx2.TransportError:
            return 0
        return 0 if is_unanswered(answer) else int(rows_in(answer)[0][0])

    def audit(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Its audit, by source and boot epoch."""
        answer = self._audit()
        return {(one["source"], one["boot_epoch"]): one for one in answer["sources"]}

    def is_caught_up(self) -> bool:
        """Whether the sink has stored all that the log holds, of every topic; not while it is too busy to answer."""
        try:
            return not self._audit()["in_kafka"]
        except httpx2.TimeoutException:
            return False

    def _answer(self, query: str) -> httpx2.Response:
        return httpx2.post(f"{self.sink.url}/v1/sql", json={"query": query}, headers=self._headers, timeout=60)

    def _audit(self) -> dict[str, Any]:
        page = answered(lambda: httpx2.get(f"{self.sink.url}/v1/audit", headers=self._headers, timeout=60))
        return dict(page.raise_for_status().json())

    def delete(self, table: str, where: str) -> None:
        """Take rows away behind the sink's back."""
        statement = f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 2"
        httpx2.post(self.clickhouse.url, content=statement, timeout=60).raise_for_status()


def clickhouse_in(folder: Path) -> ServiceProcess:
    """A ClickHouse server of its own, not started; its data and its log are in `folder`."""
    port = free_port()
    command = [sys.executable, str(FRONT), str(port), str(folder / "clickhouse")]
    return ServiceProcess("ClickHouse", command, {}, folder / "clickhouse.log", health_path="/ping", port=port)
