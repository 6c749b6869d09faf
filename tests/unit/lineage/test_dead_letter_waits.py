"""A dead letter that the broker does not take: the sink's own thread waits, the event loop stays free, a stop is obeyed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import NOON_US
from weir.events import DeadLettered, InvalidEvent
from weir.events.log import RawMessage
from weir.lineage.sink import inserter as inserter_module
from weir.lineage.sink.inserter import Inserter
from weir.lineage.store.store import Store
from weir.runtime.errors import TooManyRejects
from weir.runtime.kafka.deadletter import TOPIC
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.retries import BACKOFF_S
from weir.runtime.rejects import Limits

pytestmark = pytest.mark.capability("X1")
BAD = InvalidEvent("undecodable", "it ends early")
MESSAGE = RawMessage("feedback", 0, 7, b"key", b"bad", NOON_US)


class NoSchemas:
    """Nothing here asks for a schema."""

    def schema_of(self, schema_id: int) -> inserter_module.WriterSchema:
        raise AssertionError(schema_id)


@pytest.fixture
def inserter(store: Store) -> Inserter:
    return Inserter(store, NoSchemas())


def putter(link: Link, loop: asyncio.AbstractEventLoop, in_a_row_max: int = 3) -> Callable[[], Future[None]]:
    letters = link.dead_letters("lineage", Limits(in_a_row_max, 1.0, 10))
    return lambda: asyncio.run_coroutine_threadsafe(letters.put(MESSAGE, BAD), loop)


async def test_a_producer_that_is_not_connected_is_waited_for_and_can_connect_meanwhile(
    inserter: Inserter, tmp_path: Path
) -> None:
    kafka = MockKafka()
    link = kafka.link(tmp_path, "lineage")
    loop = asyncio.get_running_loop()
    waits: list[tuple[float, str]] = []

    def wait(seconds: float) -> bool:
        waits.append((seconds, inserter.waits_for))
        if len(waits) == 3:
            asyncio.run_coroutine_threadsafe(link.producer.start(asyncio.Event()), loop).result()
        return True

    assert await asyncio.to_thread(inserter.dead_letter, MESSAGE, putter(link, loop), wait)

    assert [seconds for seconds, _ in waits] == list(BACKOFF_S[:3])
    assert all("the dead letter of feedback/0/7: the producer has not reached" in reason for _, reason in waits)
    assert inserter.waits_for == ""
    assert [one.offset for one in kafka.events(TOPIC) if isinstance(one, DeadLettered)] == [7]
    await link.close()


async def test_a_stop_ends_the_waiting_and_the_message_is_not_settled(inserter: Inserter, tmp_path: Path) -> None:
    link = MockKafka().link(tmp_path, "lineage")
    answers = iter([True, False])

    put = putter(link, asyncio.get_running_loop())
    assert not await asyncio.to_thread(inserter.dead_letter, MESSAGE, put, lambda _: next(answers))

    assert "feedback/0/7" in inserter.waits_for
    await link.close()


async def test_a_write_without_an_end_is_waited_for_with_heartbeats_and_given_up_at_a_stop(
    inserter: Inserter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserter_module, "ANSWER_S", 0.01)
    writing: Future[None] = Future()
    answers = iter([True, True, False])

    assert not await asyncio.to_thread(inserter.dead_letter, MESSAGE, lambda: writing, lambda _: next(answers))

    assert writing.cancelled()


async def test_the_limit_of_dead_letters_is_no_reason_to_wait(inserter: Inserter, tmp_path: Path) -> None:
    link = MockKafka().link(tmp_path, "lineage")
    put = putter(link, asyncio.get_running_loop(), in_a_row_max=0)

    def no_patience(_: float) -> bool:
        raise AssertionError("nobody is waited for")

    with pytest.raises(TooManyRejects):
        await asyncio.to_thread(inserter.dead_letter, MESSAGE, put, no_patience)
    await link.close()
