"""The relay: an outbox reaches the log in its order, and nothing is settled that the log does not have."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import one_of_each
from harness.waiting import PATIENCE_S, eventually
from weir.events import FeedbackReceived
from weir.runtime.kafka.relay import Relay, Unsent

(event,) = [event for event in one_of_each() if isinstance(event, FeedbackReceived)]


class Shelf:
    """An outbox in memory; `stop` is set once it is empty."""

    def __init__(self, count: int) -> None:
        self.unsent = [Unsent(number, "feedback", "one key", replace(event, seq=number)) for number in range(count)]
        self.settled: list[list[int]] = []
        self.stop = asyncio.Event()

    async def first(self, events_max: int) -> Sequence[Unsent[FeedbackReceived]]:
        return self.unsent[:events_max]

    async def settle(self, positions: Sequence[int]) -> None:
        self.settled.append(list(positions))
        self.unsent = [one for one in self.unsent if one.position not in positions]
        if not self.unsent:
            self.stop.set()


async def test_events_reach_the_log_in_order_and_are_settled_batch_by_batch(tmp_path: Path) -> None:
    kafka, shelf = MockKafka(), Shelf(5)
    link = kafka.link(tmp_path, "relaying")

    async with asyncio.timeout(PATIENCE_S):  # the producer connects while the relay looks at its outbox
        await Relay(shelf, link.producer, events_max=2, pause_s=0.01).run(shelf.stop)
    await link.close()

    assert [one.seq for one in kafka.events("feedback")] == list(range(5))
    assert shelf.settled == [[0, 1], [2, 3], [4]]


async def test_what_is_announced_is_sent_before_the_pause_is_over(tmp_path: Path) -> None:
    kafka, shelf = MockKafka(), Shelf(0)
    link = kafka.link(tmp_path, "relaying")
    relay = Relay(shelf, link.producer, events_max=2, pause_s=10 * PATIENCE_S)
    running = asyncio.create_task(relay.run(shelf.stop))
    await asyncio.to_thread(eventually, lambda: link.producer.is_ready, within_s=PATIENCE_S, what="a broker")
    shelf.unsent = Shelf(1).unsent

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.to_thread(relay.announce)
        await running
    await link.close()

    assert shelf.settled == [[0]]
