"""Questions by id, narrowed by where their rows are, against the same questions asked of every row."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from harness.samples.builders import NOON_US, completed, one_of_each
from harness.store.lineage_store import Put, put_into
from harness.store.scans import scanned_lineage, scanned_request, scanned_trace
from weir.events import AlertChanged, EvaluationScored, Event, FeedbackReceived, Span, SpansRecorded, named_id
from weir.lineage.read import queries
from weir.lineage.read.locations import LOCATED_MAX
from weir.lineage.settings import LineageSettings
from weir.lineage.store import migrate as module
from weir.lineage.store.migrate import migrate, migrations
from weir.lineage.store.store import Store

CALLS = 16
TRACES = 5
"""Fewer than calls: a trace may hold several, of several tenants and routes."""

LOCATIONS = 13
"""Number of the migration that made them."""

Kind = TypeVar("Kind", bound=Event)


def one(kind: type[Kind]) -> Kind:
    """An event of a kind."""
    return next(event for event in one_of_each() if isinstance(event, kind))


def of_a_call(number: int, chance: random.Random) -> list[tuple[str, Event]]:
    """A call with some of what may belong to it, each event at a time of its own, up to months apart."""
    trace_id = f"{number % TRACES:032x}"

    def common(what: str) -> dict[str, Any]:
        time_us = NOON_US + chance.randrange(60 * 86_400) * 1_000_000
        name = named_id(time_us, f"{what} {number}")
        tenant = chance.choice(["demo", "acme"])
        return {"event_id": name, "seq": number, "event_time_us": time_us, "tenant": tenant, "trace_id": trace_id}

    request_id = named_id(NOON_US, f"request {number}")
    call = completed(
        **common("call"), request_id=request_id, route=chance.choice(["a", "b"]), start_time_us=NOON_US + number
    )
    span = Span(
        span_id=f"{number:016x}", parent_span_id="", name="work", kind="internal", service="gateway",
        start_time_us=NOON_US + chance.randrange(10**9), end_time_us=NOON_US + 10**10, status="ok", attributes={},
    )  # fmt: skip
    others: list[tuple[str, Event]] = [
        ("spans", replace(one(SpansRecorded), **common("spans"), spans=(span,), route="")),
        (
            "evaluation-scores",
            replace(
                one(EvaluationScored), **common("score"), request_id=request_id, anchor_id="", evaluator=f"e{number}"
            ),
        ),
        (
            "feedback",
            replace(one(FeedbackReceived), **{**common("feedback"), "trace_id": "f" * 32}, request_id=request_id),
        ),
        ("alerts", replace(one(AlertChanged), **common("alert"))),
    ]
    return [("inference-responses", call), *(other for other in others if chance.random() < 0.6)]


def put_some(put: Put, chance: random.Random) -> None:
    """Events in batches of any size and order; every fourth comes again, as one that was sent twice does."""
    events = [pair for number in range(CALLS) for pair in of_a_call(number, chance)]
    events += chance.sample(events, len(events) // 4)
    chance.shuffle(events)
    while events:
        batch, events = events[: (size := chance.randrange(1, 30))], events[size:]
        for topic in {topic for topic, _ in batch}:
            put(topic, *(event for of, event in batch if of == topic))


def check_trace(store: Store, trace_id: str) -> None:
    """The trace is the scan's."""
    assert queries.trace(store, trace_id) == scanned_trace(store, trace_id)


def check_all(store: Store) -> None:
    """Every question by id answers what the scan answers."""
    for number in range(TRACES + 1):
        check_trace(store, f"{number:032x}")
    for number in range(CALLS + 1):
        request_id = named_id(NOON_US, f"request {number}")
        assert queries.request(store, request_id) == scanned_request(store, request_id)
        assert queries.lineage(store, request_id) == scanned_lineage(store, request_id)
        # What an OpenAI client sees as the id of its answer finds the same.
        assert queries.request(store, f"chatcmpl-{request_id}") == queries.request(store, request_id)
        assert queries.lineage(store, f"cmpl-{request_id}") == queries.lineage(store, request_id)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_question_by_id_answers_what_the_scan_answers(store: Store, put: Put, seed: int) -> None:
    put_some(put, random.Random(seed))

    check_all(store)

    store.command("OPTIMIZE TABLE locations FINAL")
    check_all(store)


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store as it was before there were locations."""
    store = Store(LineageSettings(data_dir=tmp_path / "older"))
    with monkeypatch.context() as patch:
        patch.setattr(module, "migrations", lambda: migrations()[: LOCATIONS - 1])
        migrate(store)
    yield store
    store.close()


@pytest.mark.slow
def test_what_was_stored_before_is_located_too(older: Store) -> None:
    put_some(put_into(older), random.Random(4))

    migrate(older)

    check_all(older)


@pytest.mark.slow
def test_a_trace_of_more_calls_than_are_located_is_asked_of_every_row(store: Store, put: Put) -> None:
    put(
        "inference-responses",
        *(completed(number, start_time_us=NOON_US + number) for number in range(LOCATED_MAX + 1)),
    )

    check_trace(store, completed().trace_id)
