"""`weir.runtime.kafka.stream` on a real broker: whatever ends a process, the message in its hand is delivered again."""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from harness.samples.builders import envelope
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually
from weir.events import DeadLettered, Event, FeedbackReceived, InvalidEvent
from weir.runtime.errors import Retryable
from weir.runtime.identity import new_id
from weir.runtime.kafka.follow import Follower
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.link import Link, link_from
from weir.runtime.kafka.producer import Framed
from weir.runtime.kafka.stream import Save, Stream
from weir.runtime.rejects import Limits
from weir.runtime.settings import SharedSettings
from weir.runtime.telemetry.metrics import HALTED

pytestmark = pytest.mark.stack

TOPIC = "feedback"
MESSAGES = 12
LIMIT = 3
"""Dead letters in a row before a stream halts."""

BAD_ONE = 5
"""Number of the message that is no event."""
SERVICES = pathlib.Path(__file__).resolve().parents[2] / "services"

HANGING = """
import asyncio, pathlib, sys
from weir.runtime.kafka.link import link_from
from weir.runtime.process import run
from weir.runtime.settings import SharedSettings
from weir.runtime.kafka.stream import Stream

bootstrap, registry_url, folder, group, stop_at = sys.argv[1:]

async def handle(received):
    if received.event.request_id == stop_at:
        print("in flight", flush=True)
        await asyncio.Event().wait()

async def main(stop):
    settings = SharedSettings(kafka_bootstrap=bootstrap, registry_url=registry_url, data_dir=pathlib.Path(folder))
    link = link_from(settings, "hanging")
    await link.producer.start(stop)
    await Stream(
        bootstrap=bootstrap, group=group, instance="1", data_dir=pathlib.Path(folder) / "faust", serde=link.serde,
        dead_letters=link.dead_letters(group, settings.reject_limits), handlers={"feedback": handle},
    ).run(stop)

run(main)
"""


class Journey:
    """A consumer group of its own, a few messages of its own among all others of the topic, and what was handled."""

    def __init__(self, stack: RunningStack, folder: pathlib.Path) -> None:
        self.stack = stack
        self.folder = folder
        self.group = f"journey-{new_id()}"
        self.request_ids = [f"{self.group} {number}" for number in range(MESSAGES)]
        self.settings = SharedSettings(
            kafka_bootstrap=stack.kafka_bootstrap, registry_url=stack.registry_url, data_dir=folder
        )
        self.link: Link = link_from(self.settings, "journey")
        self.handled: list[str] = []
        self.stop = asyncio.Event()

    async def publish(self) -> None:
        """Write the messages, all under one key so that they are in one partition, one of them no event."""
        await self.link.producer.start(self.stop)
        for number, request_id in enumerate(self.request_ids):
            if number == BAD_ONE:
                await self.link.producer.send_bytes([Framed(TOPIC, self.group.encode(), b"no event")])
            else:
                await self.link.producer.send(TOPIC, self.group, self.event(number, request_id))

    def event(self, number: int, request_id: str) -> FeedbackReceived:
        """A judgement with a number of this journey's own, so that the audit finds no hole."""
        plain = FeedbackReceived(**envelope(self.group, number), request_id=request_id, score=1.0)
        numbering = self.link.numbering
        return replace(plain, source=numbering.source, boot_epoch=numbering.boot_epoch, seq=numbering.take())

    async def run(self, before: Callable[[str], Awaitable[None]], save: Save | None = None) -> None:
        """Process until the last message was handled; `before` sees each request id and may raise."""

        async def handle(received: Received) -> None:
            assert isinstance(received.event, FeedbackReceived)
            request_id = received.event.request_id
            if request_id in self.request_ids:
                await before(request_id)
                self.handled.append(request_id)
                if request_id == self.request_ids[-1]:
                    self.stop.set()

        self.stop.clear()
        stream = Stream(
            bootstrap=self.stack.kafka_bootstrap,
            group=self.group,
            instance="1",
            data_dir=self.folder / "faust",
            serde=self.link.serde,
            dead_letters=self.link.dead_letters(self.group, Limits(100_000, 1.0, 2_000)),
            handlers={TOPIC: handle},
            save=save,
        )
        await asyncio.wait_for(stream.run(self.stop), PATIENCE_S)

    @property
    def good(self) -> list[str]:
        """Request ids of the messages that can be handled."""
        return [request_id for number, request_id in enumerate(self.request_ids) if number != BAD_ONE]

    async def dead_letters(self) -> list[DeadLettered]:
        """The dead letters of this journey's own bad message, as far as the topic has them now."""
        found: list[DeadLettered] = []

        def take(event: Event) -> None:
            if isinstance(event, DeadLettered) and event.consumer_group == self.group:
                found.append(event)

        stop = asyncio.Event()
        follower = Follower(
            bootstrap=self.stack.kafka_bootstrap, topic="dead-letters", serde=self.link.serde, apply=take
        )
        running = asyncio.create_task(follower.run(stop))
        await asyncio.wait_for(follower.caught_up.wait(), PATIENCE_S)
        stop.set()
        await running
        return [one for one in found if one.message_key == self.group.encode()]


@pytest.fixture
async def journey(stack: RunningStack, tmp_path: pathlib.Path) -> AsyncIterator[Journey]:
    """Messages in the topic, and a group that has read none of them."""
    made = Journey(stack, tmp_path)
    await made.publish()
    yield made
    await made.link.close()


async def passing(request_id: str) -> None:
    """Lets every message through."""


async def test_every_message_is_handled_once_in_order_and_a_bad_one_is_put_aside(journey: Journey) -> None:
    await journey.run(passing)

    assert journey.handled == journey.good
    [letter] = await journey.dead_letters()
    assert letter.reason == "bad_magic"


async def test_a_handler_that_fails_ends_the_run_and_its_message_comes_again(journey: Journey) -> None:
    async def failing(request_id: str) -> None:
        if request_id == journey.good[7]:
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        await journey.run(failing)
    assert journey.handled == journey.good[:7]
    await journey.run(passing)

    assert journey.handled == journey.good


async def test_a_message_is_tried_again_while_the_world_is_bad(journey: Journey) -> None:
    tries: list[str] = []

    async def bad_for_a_while(request_id: str) -> None:
        tries.append(request_id)
        if request_id == journey.good[2] and tries.count(request_id) < 3:
            raise Retryable("for now")

    await journey.run(bad_for_a_while)

    assert journey.handled == journey.good
    assert tries.count(journey.good[2]) == 3


async def test_messages_that_were_not_saved_come_again(journey: Journey) -> None:
    async def failing(request_id: str) -> None:
        if request_id == journey.good[7]:
            raise ZeroDivisionError("a bug")

    async def never() -> None:
        raise ZeroDivisionError("no disk")

    async def saved() -> None:
        """Pretends nothing: the state of this handler is the list `handled`, and it is in memory."""

    with pytest.raises(ZeroDivisionError):
        await journey.run(failing, save=never)
    journey.handled.clear()
    await journey.run(passing, save=saved)

    assert journey.handled == journey.good


async def test_a_stream_whose_limit_of_dead_letters_trips_halts_until_it_is_started_again(journey: Journey) -> None:
    async def bad_deploy(_: Received) -> None:
        raise InvalidEvent("handler_error", "a bad deploy")

    stream = Stream(
        bootstrap=journey.stack.kafka_bootstrap,
        group=journey.group,
        instance="1",
        data_dir=journey.folder / "faust",
        serde=journey.link.serde,
        dead_letters=journey.link.dead_letters(journey.group, Limits(LIMIT, 1.0, 2_000)),
        handlers={TOPIC: bad_deploy},
    )
    running = asyncio.create_task(stream.run(journey.stop))
    halted = lambda: HALTED.labels(journey.group)._value.get() == 1  # noqa: E731  # read as one condition
    await asyncio.to_thread(eventually, halted, within_s=PATIENCE_S, what="the limit")
    assert not running.done()
    assert not stream.is_ready
    journey.stop.set()
    await running
    await journey.run(passing)

    assert journey.handled == journey.good[-len(journey.handled) :]
    assert len(journey.handled) >= len(journey.good) - LIMIT


@pytest.mark.capability("X1")
async def test_a_killed_process_loses_nothing(journey: Journey) -> None:
    stack, stop_at = journey.stack, journey.good[7]
    arguments = [stack.kafka_bootstrap, stack.registry_url, str(journey.folder), journey.group, stop_at]
    environment = {**os.environ, "PYTHONPATH": str(SERVICES)}
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    assert process.stdout is not None
    with process.stdout as output:
        lines = asyncio.get_running_loop().run_in_executor(
            None, lambda: [next(line for line in output if b"in flight" in line)]
        )
        await asyncio.wait_for(lines, PATIENCE_S)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
    await journey.run(passing)

    assert journey.handled[-5:] == journey.good[-5:]
    assert stop_at in journey.handled
