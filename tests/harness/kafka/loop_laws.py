"""The contract of `weir.runtime.kafka.handling` as laws: for every loop that keeps it, on any broker.

A test module gives them a `world` and inherits the laws; each then runs once for each kind of loop. The module is a process as
well: the one that is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Consumer as RawConsumer
from confluent_kafka import Producer, TopicPartition

from harness.http.boundary_client import boundary_client
from harness.kafka.mock_kafka import events_in
from harness.samples.builders import one_of_each
from harness.waiting import eventually
from weir.events import DeadLettered, FeedbackReceived, InvalidEvent
from weir.runtime.errors import Retryable
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application
from weir.runtime.identity import new_id
from weir.runtime.kafka.consumer import Consumer
from weir.runtime.kafka.deadletter import TOPIC as DEAD_LETTERS
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.link import Link, link_from
from weir.runtime.kafka.stream import Stream
from weir.runtime.rejects import Limits
from weir.runtime.settings import SharedSettings
from weir.runtime.telemetry.metrics import HALTED

SERVICE = "looping"
TOPIC = "feedback"
POISON = b"not even framed"
PATIENCE_S = 90.0
"""Seconds a loop may take. Arbitrary: any value from 30 to 300 would do; a real broker's session ends within ten."""
LENIENT = Limits(in_a_row_max=1_000, share_max=1.0, window_messages=1_000)
STRICT = Limits(in_a_row_max=5, share_max=1.0, window_messages=1_000)
KINDS = ("consumer", "stream")

Before = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class World:
    """A broker and what a service needs to speak to it."""

    bootstrap: str
    link: Link
    folder: Path

    def produce(self, values: Sequence[bytes], partition: int = 0) -> None:
        """Write messages as they are."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for value in values:
            producer.produce(TOPIC, value=value, partition=partition)
        assert producer.flush(30) == 0

    async def good(self, count: int) -> list[bytes]:
        """Messages that decode."""
        (event,) = [event for event in one_of_each() if isinstance(event, FeedbackReceived)]
        return [await self.link.serde.encode(TOPIC, event)] * count


def member(
    kind: str,
    world: World,
    group: str,
    limits: Limits,
    handle: Callable[[Received], Awaitable[None]],
    save: Callable[[], Awaitable[None]],
) -> Consumer | Stream:
    """A member of a group; it saves after three messages at most."""

    async def handle_batch(batch: Sequence[Received]) -> None:
        for one in batch:
            await handle(one)
        await save()

    letters, serde = world.link.dead_letters(group, limits), world.link.serde
    if kind == "consumer":
        return Consumer(
            bootstrap=world.bootstrap, group=group, topics=[TOPIC], serde=serde, dead_letters=letters,
            handle=handle_batch, batch_messages_max=3,
        )  # fmt: skip
    return Stream(
        bootstrap=world.bootstrap, group=group, instance="1", data_dir=world.folder / "faust", serde=serde,
        dead_letters=letters, handlers={TOPIC: handle}, save=save, save_every_messages=3, save_every_s=PATIENCE_S,
    )  # fmt: skip


class Group:
    """A consumer group that begins at the end of the log, with a state that its handler makes and saves; messages are numbered
    from there. A bad message is no part of the state.
    """

    def __init__(self, world: World, kind: str) -> None:
        self.kind = kind
        self.name = f"{kind}-{new_id()}"
        self.saved: list[tuple[int, int]] = []
        """Partition and number of what the state counts that is on disk."""
        self.stop = asyncio.Event()
        self._world = world
        self.state: list[tuple[int, int]] = []
        self.first = self._begun_at_the_end()

    def loop(self, before: Before, limits: Limits = LENIENT, before_save: Before | None = None) -> Consumer | Stream:
        """One life of a member, with its state as it was saved. before, before_save: see the number of a message, and the
        length of the state; they may raise."""
        self.stop = asyncio.Event()
        self.state = list(self.saved)

        async def handle(received: Received) -> None:
            message = received.message
            number = message.offset - self.first[message.partition]
            await before(number)
            if (message.partition, number) not in self.state:  # a repeat is harmless
                self.state.append((message.partition, number))

        async def save() -> None:
            if before_save is not None:
                await before_save(len(self.state))
            self.saved = list(self.state)

        return member(self.kind, self._world, self.name, limits, handle, save)

    async def live(self, loop: Consumer | Stream, until: Callable[[], bool]) -> dict[str, str]:
        """Run until the condition holds, then stop. Returns what was not ready just before. Raises what the loop raises.

        The condition may ask the broker: it is looked at in a thread.
        """
        running = asyncio.create_task(loop.run(self.stop))
        condition = lambda: running.done() or until()  # noqa: E731  # one condition
        try:
            await asyncio.to_thread(eventually, condition, within_s=PATIENCE_S, what="what the loop was to do")
            return await not_ready()
        finally:
            self.stop.set()
            await running

    async def live_to(self, loop: Consumer | Stream, number: int) -> None:
        """Run until the state counts a message of partition 0, then stop."""
        await self.live(loop, until=lambda: (0, number) in self.state)

    def committed(self) -> int:
        """Messages of partition 0 that will not come again."""
        consumer = RawConsumer({"bootstrap.servers": self._world.bootstrap, "group.id": self.name, "log_level": 0})
        (place,) = consumer.committed([TopicPartition(TOPIC, 0)], timeout=30)
        consumer.close()
        return max(self.first[0], int(place.offset)) - self.first[0]

    def letters(self) -> list[DeadLettered]:
        """Dead letters of this group, by number of the message."""
        letters = [one for one in events_in(self._world.bootstrap, DEAD_LETTERS) if isinstance(one, DeadLettered)]
        return sorted((one for one in letters if one.consumer_group == self.name), key=lambda one: one.offset)

    def put_aside(self) -> list[tuple[int, str]]:
        """Number and reason of each dead letter."""
        return [(one.offset - self.first[0], one.reason) for one in self.letters()]

    def _begun_at_the_end(self) -> dict[int, int]:
        consumer = RawConsumer(
            {
                "bootstrap.servers": self._world.bootstrap,
                "group.id": self.name,
                "enable.auto.commit": False,
                "allow.auto.create.topics": True,  # a mock cluster has no topics before somebody asks for them
                "log_level": 0,
            }
        )
        try:
            places = [
                TopicPartition(TOPIC, n) for n in consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions
            ]
            for place in places:
                place.offset = consumer.get_watermark_offsets(place, timeout=30)[1]
            consumer.commit(offsets=places, asynchronous=False)
        finally:
            consumer.close()
        return {place.partition: place.offset for place in places}


async def passing(_: int) -> None:
    """Lets every message through."""


def failing_at(number: int, error: Exception) -> Before:
    """Raises at one number."""

    async def before(at: int) -> None:
        if at == number:
            raise error

    return before


async def not_ready() -> dict[str, str]:
    """What the readiness page of a service with this consumer says is missing."""
    async with boundary_client(application(dict, Policy())) as client:
        page = await client.get("/readyz")
    missing: dict[str, str] = page.json()["missing"]
    assert page.status_code == (503 if missing else 200)
    return missing


class LoopLaws:
    """Each method is a law of one loop over one group: what one member does."""

    @pytest.fixture(params=KINDS)
    def group(self, world: World, request: pytest.FixtureRequest) -> Group:
        return Group(world, request.param)

    async def test_each_message_is_handled_once_and_in_the_order_of_its_partition(
        self, world: World, group: Group
    ) -> None:
        for partition in (0, 1):
            world.produce(await world.good(8), partition)

        await group.live(group.loop(passing), until=lambda: len(group.state) == 16)

        for partition in (0, 1):
            assert [one for one in group.saved if one[0] == partition] == [(partition, number) for number in range(8)]

    async def test_a_bad_message_is_put_aside_and_its_neighbours_are_handled(self, world: World, group: Group) -> None:
        value = await world.good(1)
        world.produce([*value, POISON, *value, *value, value[0][:3], *value])
        before = failing_at(3, InvalidEvent("handler_error", "nobody can believe it"))

        await group.live_to(group.loop(before), 5)

        assert group.committed() == 6
        assert group.saved == [(0, 0), (0, 2), (0, 5)]
        assert group.put_aside() == [(1, "bad_magic"), (3, "handler_error"), (4, "bad_magic")]

    async def test_while_the_world_is_bad_the_message_is_tried_again_and_its_offset_stays(
        self, world: World, group: Group
    ) -> None:
        world.produce(await world.good(8))
        attempts, committed = 0, -1

        async def bad_for_a_while(number: int) -> None:
            nonlocal attempts, committed
            if number == 4 and attempts < 3:
                attempts += 1
                committed = max(committed, await asyncio.to_thread(group.committed))
                raise Retryable("for now")

        await group.live_to(group.loop(bad_for_a_while), 7)

        assert group.committed() == 8
        assert group.saved == [(0, number) for number in range(8)]
        assert attempts == 3
        assert 0 <= committed <= 4
        assert group.put_aside() == []

    async def test_a_save_that_is_refused_for_now_is_tried_again_and_the_offsets_wait_for_it(
        self, world: World, group: Group
    ) -> None:
        world.produce(await world.good(8))
        attempts = 0

        async def full_for_a_while(handled: int) -> None:
            nonlocal attempts
            if handled >= 4 and attempts < 2:
                attempts += 1
                assert await asyncio.to_thread(group.committed) <= len(group.saved)
                raise Retryable("the disk is full")

        await group.live_to(group.loop(passing, before_save=full_for_a_while), 7)

        assert attempts == 2
        assert group.committed() == 8
        assert group.saved == [(0, number) for number in range(8)]

    async def test_a_stop_finishes_what_is_in_work_and_takes_nothing_new(self, world: World, group: Group) -> None:
        world.produce(await world.good(8))
        is_in_work, goes_on = asyncio.Event(), asyncio.Event()

        async def slow(number: int) -> None:
            if number == 1:
                is_in_work.set()
                await goes_on.wait()

        running = asyncio.create_task(group.loop(slow).run(group.stop))
        async with asyncio.timeout(PATIENCE_S):
            await is_in_work.wait()
            group.stop.set()
            goes_on.set()
            await running

        assert 2 <= len(group.saved) < 8
        assert group.committed() == len(group.saved)


class RestartLaws(LoopLaws):
    """All of them, and those in which one member ends and another one joins, which a mock cluster makes ten times as slow."""

    async def test_whatever_ends_a_life_its_saved_state_is_not_behind_its_offsets_and_the_next_goes_on(
        self, world: World, group: Group
    ) -> None:
        world.produce(await world.good(8))
        with pytest.raises(ZeroDivisionError):
            await group.live(group.loop(failing_at(4, ZeroDivisionError("a bug"))), until=lambda: False)
        assert group.committed() <= len(group.saved) < 8
        with pytest.raises(OSError, match="no disk"):
            await group.live(group.loop(passing, before_save=failing_at(6, OSError("no disk"))), until=lambda: False)
        assert group.committed() <= len(group.saved) < 8

        await group.live_to(group.loop(passing), 7)

        assert group.committed() == 8
        assert group.saved == [(0, number) for number in range(8)]

    async def test_a_bad_deploy_stops_where_it_was_says_why_and_the_next_one_goes_on(
        self, world: World, group: Group
    ) -> None:
        """Messages that do not decode, and others that the handler refuses: both speak against the deploy."""
        world.produce([POISON, *await world.good(1)] * 10)

        async def refusing(_: int) -> None:
            raise InvalidEvent("handler_error", "this deploy believes nothing")

        missing = await group.live(group.loop(refusing, STRICT), until=lambda: is_halted(group))

        assert {reason for _, reason in group.put_aside()} == {"bad_magic", "handler_error"}
        assert len(group.letters()) == 5
        assert group.committed() <= 5
        assert "5 messages in a row of feedback/0 were bad" in missing[f"consumer {group.name}"]
        assert await not_ready() == {}

        await group.live_to(group.loop(passing), 19)
        assert group.committed() == 20
        assert {number for number, reason in group.put_aside() if reason == "bad_magic"} == set(range(0, 20, 2))

    async def test_a_killed_process_loses_nothing(self, world: World, group: Group) -> None:
        world.produce(await world.good(8))
        arguments = [group.kind, world.bootstrap, str(world.folder), group.name, str(group.first[0] + 4)]
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.kafka.loop_laws", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert process.stdout is not None
        with process.stdout as output:
            await asyncio.wait_for(asyncio.to_thread(output.readline), PATIENCE_S)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
        committed = group.committed()

        await group.live_to(group.loop(passing), 7)

        assert group.committed() == 8
        assert committed <= 4
        assert [number for _, number in group.saved] == list(range(committed, 8))


def is_halted(group: Group) -> bool:
    """Whether the group's limit of dead letters stopped it in this process."""
    return bool(HALTED.labels(group.name)._value.get() == 1)


async def hang(kind: str, bootstrap: str, folder: str, group: str, offset: str) -> None:
    """A process of its own: a member that says so when it has come to an offset of partition 0, and never goes on."""
    settings = SharedSettings(data_dir=Path(folder), kafka_bootstrap=bootstrap)
    world = World(bootstrap, link_from(settings, SERVICE), Path(folder))
    await world.link.producer.start(asyncio.Event())

    async def handle(received: Received) -> None:
        if received.message.offset == int(offset):
            sys.stdout.write("in work\n")
            sys.stdout.flush()
            await asyncio.Event().wait()

    async def save() -> None:
        """Its state is nothing."""

    await member(kind, world, group, LENIENT, handle, save).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(hang(*sys.argv[1:]))
