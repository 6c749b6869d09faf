"""O14 in drift: an alarm is in the trace of the call that fired it and links to the calls that it names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import NOON_US, feature_item
from unit.drift.drift_envelopes import enveloped, received
from unit.drift.quality_scores import event as score_event
from unit.drift.quality_scores import received as received_score
from weir.drift.adapters.announcer import KafkaAnnouncer
from weir.drift.adapters.signal_traces import SignalTraces
from weir.drift.core.signal_kinds import Alarm, OperatorDecision, StreamSignal, record_of
from weir.events import DriftSignalled, named_id
from weir.events.trace_context import TraceContext
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.span_log import Recorded
from weir.runtime.telemetry.span_words import links_of

TRACES = [TraceContext(f"{number:032x}", f"{number:016x}", "01", "vendor=1") for number in range(1, 6)]
ITEMS = [
    feature_item(number, request_id=f"request {number}", response_event_id=named_id(NOON_US, f"response {number}"))
    for number in range(5)
]
CALLS = enveloped(ITEMS, item_traceparents=tuple(one.traceparent for one in TRACES), item_tracestates=("vendor=1",) * 5)


COMMON: Mapping[str, Any] = {
    "event_id": named_id(NOON_US, "signal"), "tenant": "demo", "event_time_us": NOON_US, "route": "docs-qa",
    "config_digest": "", "event_index": 5, "reference_version": "1", "reference_digest": "", "reference_events": 4,
    "explanation": "",
}  # fmt: skip


def fired(request_id: str, detector: str = "bank") -> Alarm:
    return Alarm(
        **COMMON, detector=detector, state="fired", level="page", trigger_request_id=request_id,
        example_request_ids=("request 3", "request 0", "unknown"),
    )  # fmt: skip


def accepted(request_id: str) -> OperatorDecision:
    return OperatorDecision(**COMMON, detector="bank", state="accepted", trigger_request_id=request_id, author="me")


async def announced(folder: Path, one: Received, signal: StreamSignal) -> tuple[DriftSignalled, list[Recorded]]:
    """What is in the log of a signal that a message gave, and the spans."""
    kafka, spans = MockKafka(), list[Recorded]()
    link = kafka.link(folder, "drift")
    await link.producer.start(asyncio.Event())
    traces = SignalTraces(spans.append, "drift", 100)
    announcer = KafkaAnnouncer(link, "drift", traces, asyncio.Event())
    await traces.around(ignored)(received(CALLS, 1))
    await traces.around(lambda _: announcer.announce([signal]))(one)
    await link.close()
    (event,) = kafka.events("drift-signals")
    assert isinstance(event, DriftSignalled)
    return event, spans


async def ignored(_: Received) -> None:
    """A message that changes nothing."""


@pytest.mark.capability("O14")
async def test_an_alarm_is_in_the_trace_of_the_call_that_fired_it(tmp_path: Path) -> None:
    event, (recorded,) = await announced(tmp_path, received(CALLS, 2), fired("request 4"))

    assert (event.trace_id, event.parent_span_id) == (TRACES[4].trace_id, TRACES[4].parent_span_id)
    assert recorded.trace == TRACES[4]
    assert (recorded.span.span_id, recorded.span.name) == (event.span_id, "process text-features")
    assert [link.trace_id for link in links_of(recorded.span.attributes)] == [TRACES[3].trace_id, TRACES[0].trace_id]
    assert recorded.span.attributes["messaging.kafka.offset"] == "2"


async def test_an_alarm_on_scores_is_below_the_score(tmp_path: Path) -> None:
    under = TRACES[4].below("f" * 16)
    score = replace(received_score(score_event(4), 9), trace=under)

    event, (recorded,) = await announced(tmp_path, score, fired("request 4", detector="quality"))

    assert (event.trace_id, event.parent_span_id) == (TRACES[4].trace_id, "f" * 16)
    assert recorded.span.name == "process evaluation-scores"


@pytest.mark.parametrize(
    "signal",
    [fired("unknown"), fired(""), accepted("request 4")],
    ids=["forgotten", "no call", "a person"],
)
async def test_what_no_known_call_fired_is_in_no_trace(tmp_path: Path, signal: StreamSignal) -> None:
    event, spans = await announced(tmp_path, received(CALLS, 2), signal)

    assert (event.trace_id, event.span_id, event.parent_span_id, spans) == ("", "", "", [])


async def test_an_item_without_a_tracestate_keeps_its_trace() -> None:
    traces = SignalTraces(list[Recorded]().append, "drift", 100)
    parents = tuple(one.traceparent for one in TRACES)
    found: list[TraceContext | None] = []
    await traces.around(ignored)(
        received(enveloped(ITEMS, item_traceparents=parents, item_tracestates=("vendor=1",)), 1)
    )

    async def ask(_: Received) -> None:
        found.extend(traces.traced(record_of(fired(f"request {number}")))[1] for number in (0, 4))

    await traces.around(ask)(received(enveloped([]), 2))
    assert [(under.trace_id, under.state) for under in found if under is not None] == [
        (TRACES[0].trace_id, "vendor=1"),
        (TRACES[4].trace_id, ""),
    ]


async def test_the_oldest_traces_are_forgotten() -> None:
    traces = SignalTraces(list[Recorded]().append, "drift", 2)
    found: list[str] = []
    await traces.around(ignored)(received(CALLS, 1))

    async def ask(_: Received) -> None:
        found.extend(traces.traced(record_of(fired(f"request {number}")))[0].trace_id for number in range(5))

    await traces.around(ask)(received(enveloped([]), 2))
    assert found == ["", "", "", TRACES[3].trace_id, TRACES[4].trace_id]
