"""Spans on their way to the log: bounded, numbered without holes, sampled ones alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client import REGISTRY

from mock_kafka import MockKafka
from weir.events import Span, SpansRecorded
from weir.events.trace_context import TraceContext
from weir.runtime.clock import now_us
from weir.runtime.span_log import Recorded, SpanLog
from weir.runtime.span_words import LINKS, LINKS_MAX, links_attribute, links_of, process_span

TRACE = TraceContext("a" * 32, "b" * 16, "03", "vendor=1")


def span(number: int) -> Span:
    at_us = now_us()
    return Span(
        span_id=f"{number:016x}",
        parent_span_id=TRACE.parent_span_id,
        name="process x",
        kind="consumer",
        service="drift",
        start_time_us=at_us,
        end_time_us=at_us,
        status="ok",
    )


def results(result: str) -> float:
    return REGISTRY.get_sample_value("weir_spans_total", {"result": result}) or 0.0


async def test_a_full_queue_drops_the_newest_and_leaves_no_hole(tmp_path: Path) -> None:
    kafka = MockKafka()
    link = kafka.link(tmp_path, "drift")
    log, stop, dropped = SpanLog(link, waiting_max=3), asyncio.Event(), results("dropped")
    for number in range(1, 6):
        log.record(Recorded(TRACE, span(number), "demo", "docs-qa", "call"))
    assert results("dropped") == dropped + 2

    await link.producer.start(stop)
    running = asyncio.create_task(log.run(stop))
    async with asyncio.timeout(30):
        while results("sent") < 3:
            await asyncio.sleep(0.01)
    log.record(Recorded(TRACE, span(9), "demo"))
    stop.set()
    await running
    await link.close()

    events = [event for event in kafka.events("spans") if isinstance(event, SpansRecorded)]
    assert sorted(event.seq for event in events) == [0, 1, 2, 3]
    assert {event.source for event in events} == {"drift/1/spans"}
    assert [one.span_id for event in sorted(events, key=lambda one: one.seq) for one in event.spans] == [
        f"{number:016x}" for number in (1, 2, 3, 9)
    ]
    assert {(event.trace_id, event.parent_span_id) for event in events} == {("a" * 32, "b" * 16)}
    # One partition: of what a kill loses nothing stands before what it does not lose.
    messages = kafka.messages("spans")
    assert {message.partition() for message in messages} == {messages[0].partition()}
    assert dict(messages[0].headers() or ())["tracestate"] == b"vendor=1"


async def test_a_trace_that_is_not_sampled_gives_no_span_and_no_wait(tmp_path: Path) -> None:
    link = MockKafka().link(tmp_path, "drift")
    log = SpanLog(link, waiting_max=1)
    for number in range(1, 5):
        log.record(Recorded(TraceContext("a" * 32, "b" * 16, "02"), span(number), "demo"))
    dropped = results("dropped")
    log.record(Recorded(TRACE, span(5), "demo"))

    assert results("dropped") == dropped
    await link.close()


def test_links_are_bounded_and_read_back() -> None:
    many = [TraceContext("c" * 32, f"{number:016x}", "03") for number in range(1, 30)]
    told = process_span(
        TRACE, span_id="d" * 16, service="drift", place=("text-features", 1, 7), group="drift", start_us=5, end_us=3,
        attributes={"weir.drift.part": ""}, links=[many[0], *many],
    )  # fmt: skip

    assert links_of(told.attributes) == many[:LINKS_MAX]
    assert links_attribute([]) == {}
    assert (told.start_time_us, told.end_time_us) == (5, 5)
    assert "weir.drift.part" not in told.attributes
    assert links_of({LINKS: "nonsense"}) == []
