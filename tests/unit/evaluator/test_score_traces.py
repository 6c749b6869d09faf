"""O14 in the evaluator: a score is in its call's trace, below the span in which it was made, and so is what follows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import NOON_US, completed, envelope, feature_item
from weir.evaluator.adapters.subjects_file import SubjectsFile
from weir.evaluator.app import OUT_TOPIC, Evaluation
from weir.events import (
    EvaluationScored,
    Event,
    FeedbackReceived,
    RegistryChanged,
    TextFeaturesComputed,
    canonical_json,
    digest_of,
    encode_body,
)
from weir.events.log import RawMessage
from weir.events.trace_context import TraceContext
from weir.runtime.kafka.consumer import Consumer
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.span_log import Recorded
from weir.runtime.rejects import Limits

ALL = {"routes": ["*"], "sample_rate": 1.0, "salt": "s"}
SPECS = {
    "length": {"type": "length", **ALL},
    "thumbs": {"type": "feedback", "threshold": 0.5, **ALL},
    "relevance": {"type": "answer_relevance", **ALL},
}
CALL = TraceContext("a" * 32, "b" * 16, "01", "vendor=1")


async def evaluated(
    kafka: MockKafka, folder: Path, messages: list[tuple[str, Event, TraceContext | None]]
) -> list[Recorded]:
    """The spans of an evaluator that handled these messages."""
    spans: list[Recorded] = []
    link = kafka.link(folder, "evaluator")
    await link.producer.start(asyncio.Event())
    memory = SubjectsFile(folder / "subjects.db", 10)
    evaluation = Evaluation(link, 10, asyncio.Event(), memory, spans.append)
    for name, spec in SPECS.items():
        evaluation.apply(
            RegistryChanged(
                **envelope("registry"), revision=1, change="alias_moved", kind="evaluator", name=name, version="1",
                digest=digest_of(spec), alias="prod", body_json=canonical_json(spec), author="me",
            )
        )  # fmt: skip
    for offset, (topic, event, trace) in enumerate(messages):
        message = RawMessage(topic, 0, offset, None, encode_body(event), NOON_US)
        await evaluation.handle(Received(message, event, trace))
    memory.close()
    await link.close()
    return spans


async def carried(kafka: MockKafka, folder: Path, count: int) -> list[Received]:
    """What a consumer of the scores gets, with the contexts that their headers carry."""
    found: list[Received] = []
    link, stop = kafka.link(folder, "reader"), asyncio.Event()

    async def handle(batch: object) -> None:
        found.extend(batch)  # type: ignore[arg-type]  # a batch of received messages
        if len(found) >= count:
            stop.set()

    consumer = Consumer(
        bootstrap=kafka.bootstrap, group="reader", topics=[OUT_TOPIC], serde=link.serde,
        dead_letters=link.dead_letters("reader", Limits(10, 0.5, 10)), handle=handle,
    )  # fmt: skip
    async with asyncio.timeout(30):
        await consumer.run(stop)
    await link.close()
    return found


@pytest.mark.capability("O14")
async def test_a_score_carries_the_trace_of_its_call_on(tmp_path: Path) -> None:
    kafka = MockKafka()
    call = completed()
    judged = FeedbackReceived(**{**envelope("feedback", 1), "trace_id": ""}, request_id=call.request_id, score=1.0)

    spans = await evaluated(kafka, tmp_path, [("inference-responses", call, CALL), ("feedback", judged, None)])
    scores = await carried(kafka, tmp_path / "reader", count=2)

    assert {one.span.name for one in spans} == {"process inference-responses", "process feedback"}
    made = {one.span.span_id for one in spans}
    assert len(made) == len(spans)
    for one in scores:
        event = one.event
        assert isinstance(event, EvaluationScored)
        assert (event.trace_id, event.parent_span_id) == (CALL.trace_id, CALL.parent_span_id)
        assert event.span_id in made
        assert one.trace == CALL.below(event.span_id)
    texts = [call.user_text, call.output_text]
    assert not any(text and text in value for one in spans for value in one.span.attributes.values() for text in texts)


async def test_scores_of_an_envelope_join_the_traces_of_their_calls(tmp_path: Path) -> None:
    items = tuple(feature_item(seq, request_id=f"call {seq}") for seq in range(2))
    calls = [TraceContext(f"{seq:032x}", f"{seq:016x}", "01") for seq in (1, 2)]
    batch = TextFeaturesComputed(
        **envelope("features"), route="docs-qa", embedding_model="minilm", embedding_dimensions=3, items=items,
        item_traceparents=tuple(one.traceparent for one in calls),
    )  # fmt: skip

    spans = await evaluated(MockKafka(), tmp_path, [("text-features", batch, None)])

    assert [one.trace for one in spans] == calls
    assert all(one.span.parent_span_id == one.trace.parent_span_id for one in spans)


async def test_a_call_of_no_known_trace_is_scored_without_a_span(tmp_path: Path) -> None:
    kafka = MockKafka()

    assert await evaluated(kafka, tmp_path, [("inference-responses", completed(), None)]) == []
    assert kafka.events(OUT_TOPIC)
