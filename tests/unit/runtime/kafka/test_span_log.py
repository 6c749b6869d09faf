"""Spans on their way to the log: bounded, numbered without holes, sampled ones alone."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from harness.kafka.mock_kafka import MockKafka
from weir.events import Span, SpansRecorded
from weir.events.trace_context import TraceContext
from weir.runtime.clock import now_us
from weir.runtime.kafka.link import link_from
from weir.runtime.kafka.span_log import Recorded, SpanLog, with_spans
from weir.runtime.telemetry.span_words import LINKS, LINKS_MAX, links_attribute, links_of, process_span

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
    log, stop, dropped, sent = SpanLog(link, waiting_max=3), asyncio.Event(), results("dropped"), results("sent")
    for number in range(1, 6):
        log.record(Recorded(TRACE, span(number), "demo", "docs-qa", "call"))
    assert results("dropped") == dropped + 2

    await link.producer.start(stop)
    async with log.sending(stop), asyncio.timeout(30):
        while results("sent") < sent + 3:
            await asyncio.sleep(0.01)
        log.record(Recorded(TRACE, span(9), "demo"))
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


async def test_a_span_of_the_message_in_hand_at_a_stop_is_sent_before_the_producer_closes(tmp_path: Path) -> None:
    kafka, stop, sent = MockKafka(), asyncio.Event(), results("sent")
    link = kafka.link(tmp_path, "drift")
    log = SpanLog(link, waiting_max=5)

    async def message_in_hand() -> None:
        await link.producer.start(stop)
        stop.set()
        for _ in range(50):  # turns of the loop: whoever waits for `stop` has seen it
            await asyncio.sleep(0)
        log.record(Recorded(TRACE, span(1), "demo"))

    await with_spans(link, log, message_in_hand(), stop)

    assert [type(event) for event in kafka.events("spans")] == [SpansRecorded]
    assert results("sent") == sent + 1
    assert not link.producer.is_ready


async def test_what_cannot_be_sent_at_a_stop_is_dropped_and_counted(tmp_path: Path) -> None:
    stop, dropped = asyncio.Event(), results("dropped")
    link = MockKafka().link(tmp_path, "drift")
    log = SpanLog(link, waiting_max=5)

    async def without_a_broker() -> None:
        stop.set()
        log.record(Recorded(TRACE, span(1), "demo"))
        log.record(Recorded(TRACE, span(2), "demo"))

    await with_spans(link, log, without_a_broker(), stop)
    assert results("dropped") == dropped + 2

    log.record(Recorded(TRACE, span(3), "demo"))
    assert results("dropped") == dropped + 3


async def test_a_last_send_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.runtime.kafka.span_log.FLUSH_S", 0.05)
    dropped = results("dropped")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        registry = f"http://127.0.0.1:{silent.getsockname()[1]}"
        link = link_from(MockKafka().settings(tmp_path).model_copy(update={"registry_url": registry}), "drift")
        log, stop = SpanLog(link, waiting_max=5), asyncio.Event()

        async def work() -> None:
            log.record(Recorded(TRACE, span(1), "demo"))

        await with_spans(link, log, work(), stop)

    assert results("dropped") == dropped + 1


async def test_a_sender_that_fails_stops_the_service(tmp_path: Path) -> None:
    stop = asyncio.Event()
    link = MockKafka().link(tmp_path, "drift")
    log = SpanLog(link, waiting_max=5)
    log.record(Recorded(TRACE, replace(span(1), end_time_us=2**63), "demo"))

    async def until_stopped() -> None:
        await stop.wait()

    with pytest.raises(OverflowError):
        async with asyncio.timeout(30):
            await with_spans(link, log, until_stopped(), stop)


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
