"""Features and scores of real texts: embedded by the real model, published once for each call that has a text."""

from __future__ import annotations

import asyncio
import math
import pathlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.samples.builders import completed
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S
from weir.events import EvaluationScored, Event, FeatureItem, InferenceCompleted, TextFeaturesComputed
from weir.runtime.clock import now_us
from weir.runtime.identity import new_id
from weir.runtime.kafka.follow import Follower
from weir.runtime.kafka.link import Link, link_from
from weir.runtime.settings import SharedSettings

pytestmark = pytest.mark.stack

DIMENSIONS = 384
"""Length of an embedding of the packaged MiniLM."""


class Watch:
    """Everything a topic says from now on, with a way to wait for it."""

    def __init__(self, link: Link, bootstrap: str, topic: str) -> None:
        self.events: list[Event] = []
        self._arrived = asyncio.Condition()
        self._follower = Follower(bootstrap=bootstrap, topic=topic, serde=link.serde, apply=self._take)
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(self._follower.run(self._stop))
        self._notifying: set[asyncio.Task[None]] = set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is looked at whenever an event arrived."""
        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(condition), PATIENCE_S)

    async def close(self) -> None:
        """Stop following."""
        self._stop.set()
        await self._running

    def _take(self, event: Event) -> None:
        self.events.append(event)
        task = asyncio.create_task(self._notify())
        self._notifying.add(task)
        task.add_done_callback(self._notifying.discard)

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()


class Bench:
    """A tenant of its own on the running stack: it says that calls ended and sees what is made of them."""

    def __init__(self, stack: RunningStack, folder: pathlib.Path) -> None:
        settings = SharedSettings(
            kafka_bootstrap=stack.kafka_bootstrap, registry_url=stack.registry_url, data_dir=folder
        )
        self.tenant = f"bench-{new_id()[-8:]}"
        self.link = link_from(settings, f"test-{self.tenant}")
        self.features = Watch(self.link, stack.kafka_bootstrap, "text-features")
        self.scores = Watch(self.link, stack.kafka_bootstrap, "evaluation-scores")

    async def say(self, **fields: Any) -> InferenceCompleted:
        """Publish that a call ended."""
        numbering = self.link.numbering
        own: dict[str, Any] = {"source": numbering.source, "boot_epoch": numbering.boot_epoch, "seq": numbering.take()}
        ids: dict[str, Any] = {
            "event_id": new_id(),
            "request_id": new_id(),
            "event_time_us": now_us(),
            "tenant": self.tenant,
        }
        event = replace(completed(), **own, **ids, **fields)
        await self.link.producer.send("inference-responses", event.request_id, event)
        return event

    @property
    def items(self) -> dict[str, FeatureItem]:
        """Feature items of this tenant by response event id."""
        envelopes = [one for one in self.features.events if isinstance(one, TextFeaturesComputed)]
        mine = [one for one in envelopes if one.tenant == self.tenant]
        return {item.response_event_id: item for one in mine for item in one.items}

    def scores_of(self, event: InferenceCompleted) -> dict[str, EvaluationScored]:
        """Scores of a call by evaluator."""
        scores = [one for one in self.scores.events if isinstance(one, EvaluationScored)]
        return {one.evaluator: one for one in scores if one.response_event_id == event.event_id}


@pytest.fixture
async def bench(stack: RunningStack, tmp_path: pathlib.Path) -> AsyncIterator[Bench]:
    """A bench, connected."""
    made = Bench(stack, tmp_path)
    await made.link.producer.start(asyncio.Event())
    yield made
    await made.features.close()
    await made.scores.close()
    await made.link.close()


def cosine(one: FeatureItem, other: FeatureItem) -> float:
    return sum(x * y for x, y in zip(one.prompt.embedding, other.prompt.embedding, strict=True))


@pytest.mark.capability("O8")
async def test_texts_are_embedded_by_the_model_so_that_meaning_is_near(bench: Bench) -> None:
    loop = await bench.say(user_text="How do I loop over a list?")
    iterate = await bench.say(user_text="What is the way to iterate through a sequence?")
    cheese = await bench.say(user_text="Which cheese goes well with red wine?")
    await bench.features.until(lambda: len(bench.items) == 3)

    one, near, far = (bench.items[event.event_id] for event in (loop, iterate, cheese))
    assert len(one.prompt.embedding) == len(one.answer.embedding) == DIMENSIONS
    assert math.hypot(*one.prompt.embedding) == pytest.approx(1.0, abs=1e-3)
    assert cosine(one, near) > cosine(one, far) + 0.2


async def test_what_has_no_text_has_no_features_and_a_failed_call_has_no_answer(bench: Bench) -> None:
    await bench.say(operation="embeddings")
    await bench.say(user_text="", input_text="")
    failed = await bench.say(outcome="failed", output_text="half an ans")
    await bench.features.until(lambda: failed.event_id in bench.items)

    assert set(bench.items) == {failed.event_id}
    assert (bench.items[failed.event_id].prompt.words, bench.items[failed.event_id].answer.words) == (6, 0)


@pytest.mark.capability("O11")
async def test_an_answer_is_scored_by_text_and_by_meaning(bench: Bench) -> None:
    event = await bench.say()
    wanted = {"support-coverage", "answer-relevance", "answer-length", "answer-pii"}
    await bench.scores.until(lambda: wanted <= set(bench.scores_of(event)))

    scores = bench.scores_of(event)
    assert scores["answer-pii"].passed is True
    assert 0.0 < scores["answer-relevance"].score <= 1.0
    assert all(one.tenant == bench.tenant and one.evaluator_digest for one in scores.values())
