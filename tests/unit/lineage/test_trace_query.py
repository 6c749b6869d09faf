"""A stored trace: every span once, with what belongs to it; and envelopes keep the contexts of their calls."""

from __future__ import annotations

from typing import Any

from harness.samples.builders import NOON_US, SPAN_ID, TRACE_ID, completed, envelope, feature_item, one_of_each
from harness.store.lineage_store import Put
from weir.events import AlertChanged, Span, SpansRecorded, TextFeaturesComputed, named_id
from weir.events.trace_context import TraceContext
from weir.lineage.read import queries
from weir.lineage.store.store import Store


def spans(seq: int, *names: str, start_us: int, **fields: Any) -> SpansRecorded:
    """Spans that one message gave, `seq` telling the life that handled it."""
    plain = {**envelope("spans", seq), "event_id": named_id(start_us, f"{seq} {names}"), "source": "drift/1/spans"}
    return SpansRecorded(
        **plain,
        spans=tuple(
            Span(
                span_id=f"{number:016x}", parent_span_id=SPAN_ID, name=name, kind="consumer", service="drift",
                start_time_us=start_us, end_time_us=start_us + 5, status="ok", attributes={"weir.links": "x"},
            )
            for number, name in enumerate(names, 1)
        ),
        **fields,
    )  # fmt: skip


def test_a_message_that_was_handled_again_shows_its_span_once(store: Store, put: Put) -> None:
    put(
        "spans",
        spans(1, "process text-features", start_us=NOON_US),
        spans(2, "process text-features", start_us=NOON_US + 9_000_000),
    )

    found = queries.trace(store, TRACE_ID)

    assert found is not None
    assert [(span["name"], span["start_time_us"]) for span in found["spans"]] == [("process text-features", NOON_US)]


def test_a_trace_names_its_alerts_and_no_others(store: Store, put: Put) -> None:
    plain = next(event for event in one_of_each() if isinstance(event, AlertChanged)).as_record()
    own = AlertChanged.from_record({**plain, "trace_id": TRACE_ID, "rule": "ours"})
    other = AlertChanged.from_record({**plain, "trace_id": "f" * 32, "event_id": named_id(NOON_US, "other"), "seq": 9})
    put("inference-responses", completed())
    put("alerts", own, other)

    found = queries.trace(store, TRACE_ID)

    assert found is not None
    assert [(alert["rule"], alert["state"]) for alert in found["alerts"]] == [("ours", own.state)]


def test_the_contexts_in_an_envelope_are_columns(store: Store, put: Put) -> None:
    trace = TraceContext("a" * 32, "b" * 16, "00", "vendor=1")
    put(
        "text-features",
        TextFeaturesComputed(
            **envelope("features"), route="docs-qa", embedding_model="minilm", embedding_dimensions=3,
            items=(feature_item(),), item_traceparents=(trace.traceparent,), item_tracestates=(trace.state,),
        ),
    )  # fmt: skip

    assert store.rows("SELECT item_traceparents, item_tracestates FROM text_features", {}) == [
        {"item_traceparents": [trace.traceparent], "item_tracestates": ["vendor=1"]}
    ]
