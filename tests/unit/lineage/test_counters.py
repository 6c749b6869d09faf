"""Counts of calls against the scan of their events: whatever is stored, in whatever order, however often."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.samples.builders import NOON_US, completed
from harness.store.lineage_store import Put
from harness.store.scans import scanned_call_hours, scanned_impact
from weir.events import Context, InferenceCompleted, Reference, named_id
from weir.lineage.core.retention import Retention
from weir.lineage.read import queries
from weir.lineage.settings import LineageSettings
from weir.lineage.store.counters import Counters
from weir.lineage.store.retention import keep
from weir.lineage.store.store import QueryFailed, Store

HOUR_US = 3_600_000_000
NAMES = ("a", "b")
DIGESTS = ("sha256:1", "sha256:2")
KINDS = ("dataset", "model")
SETS = ("routes", "tenants", "digests", "releases")

REFERENCES = st.builds(
    Reference,
    kind=st.sampled_from(KINDS),
    name=st.sampled_from(NAMES),
    version=st.sampled_from("12"),
    digest=st.sampled_from(DIGESTS),
)
CONTEXTS = st.builds(
    Context,
    passage_id=st.sampled_from(("p", "q", "r")),
    dataset=st.just("a"),
    dataset_digest=st.sampled_from(DIGESTS),
    score=st.integers(0, 8).map(lambda eighths: eighths / 8),
    text=st.just("A passage."),
)
CALLS = st.builds(
    lambda number, hour, route, outcome, latency_ms, tokens, references, contexts: completed(
        number,
        event_id=named_id(NOON_US, f"call {number} {hour}"),
        request_id=named_id(NOON_US, f"request {number} {hour}"),
        event_time_us=NOON_US + hour * HOUR_US + number,
        route=route,
        outcome=outcome,
        tenant="ab"[number % 2],
        latency_ms=latency_ms,
        output_tokens=tokens,
        references=tuple(references),
        contexts=tuple(contexts),
    ),
    st.integers(0, 9),
    st.integers(-40, 40),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["ok", "failed"]),
    st.floats(0, 100_000),
    st.none() | st.integers(0, 100),
    st.lists(REFERENCES, max_size=4),
    st.lists(CONTEXTS, max_size=4),
)


def sorted_sets(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with its sets in an order: they have none."""
    return {**answer, **{name: sorted(answer[name]) for name in SETS}}


QUESTIONS = [
    (kind, name, digest, version)
    for kind, names in {**dict.fromkeys(KINDS, NAMES), "passage": ("p", "q")}.items()
    for name in names
    for digest, version in (("", ""), (DIGESTS[0], ""), ("", "2"))
]
ASKED = 6
"""Questions after each example, a third of all. Arbitrary: any number would do."""


def check(store: Store, counters: Counters, questions: Sequence[tuple[str, str, str, str]]) -> None:
    """Each question about an asset answers what the scan answers."""
    for question in questions:
        counted = queries.impact(store, counters, *question)
        assert sorted_sets(counted) == sorted_sets(scanned_impact(store, *question)), question


def check_call_hours(store: Store, counters: Counters) -> None:
    """The hours are those of the scan, and each latency is within 3 % of the call's."""
    counters.settle()
    for per_tenant in (True, False):
        columns = "hour, tenant, route" if per_tenant else "hour, route"
        view = "v_call_hours" if per_tenant else "v_call_hours_all"
        counted = store.rows(f"SELECT * FROM {view} ORDER BY {columns}, model, release_digest")
        scanned = scanned_call_hours(store, per_tenant)
        for one, other in zip(counted, scanned, strict=True):
            spread = [
                ms for ms, calls in zip(one["latency_ms"], one.pop("latency_calls"), strict=True) for _ in range(calls)
            ]
            assert spread == pytest.approx(other.pop("latency_ms"), rel=0.0254, abs=0.00103)
            assert {**one, "latency_ms": None} == {**other, "latency_ms": None}


EVENTS: dict[str, InferenceCompleted] = {}
"""Events by id: an event never changes, so one that is drawn twice with the same id is sent twice as it was."""


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(CALLS, min_size=1, max_size=8), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_count_is_the_scan_after_any_batches_and_any_repeats(
    store: Store, put: Put, batches: list[list[InferenceCompleted]], chance: random.Random
) -> None:
    counters = Counters(store)
    for batch in batches:
        events = [EVENTS.setdefault(call.event_id, call) for call in batch]
        put("inference-responses", *events)
        if chance.random() < 0.5:
            counters.settle()
        put("inference-responses", *chance.sample(events, chance.randrange(1, len(events) + 1)))

    check(store, counters, chance.sample(QUESTIONS, ASKED))
    check(store, Counters(store), chance.sample(QUESTIONS, 1))
    check_call_hours(store, counters)


class DyingStore(Store):
    """A store whose process dies after so many statements that fill tables; what they did stays."""

    left = 0

    def derive(self, sql: str, parameters: Mapping[str, Any]) -> None:
        if self.left == 0:
            raise QueryFailed("the process is gone")
        self.left -= 1
        super().derive(sql, parameters)


@pytest.mark.slow
def test_a_look_that_dies_after_any_statement_is_made_good_by_the_next(store: Store, put: Put, tmp_path: Path) -> None:
    calls = [completed(number, event_time_us=NOON_US + number * 12 * HOUR_US) for number in range(3)]
    dying = DyingStore(LineageSettings(data_dir=tmp_path / "data"))
    put("inference-responses", *calls)
    survived = 0
    while True:
        dying.left = survived
        with suppress(QueryFailed):
            Counters(dying).settle()
            break
        put("inference-responses", *calls)
        survived += 1
    dying.close()

    assert survived > len(calls)
    assert queries.impact(store, Counters(store), "dataset", "python-docs", "", "")["requests"] == len(calls)


@pytest.mark.slow
def test_nothing_is_counted_again_while_nothing_is_stored(store: Store, put: Put) -> None:
    counters = Counters(store)
    put("inference-responses", completed(0), completed(1))

    assert [counters.settle(), counters.settle()] == [1, 0]
    put("inference-responses", completed(2))
    assert [counters.settle(), counters.settle()] == [1, 0]


@pytest.mark.slow
def test_what_has_expired_is_in_no_count(store: Store, put: Put) -> None:
    old, new = completed(0), completed(1, event_time_us=NOON_US + 40 * 24 * HOUR_US)
    put("inference-responses", old, new)
    counters = Counters(store)
    counters.settle()

    age_days = store.rows("SELECT dateDiff('day', fromUnixTimestamp64Micro({us:Int64}), now()) AS n", {"us": NOON_US})[
        0
    ]["n"]
    keep(store, Retention(max(1, age_days - 20), 7_300, 7_300))
    for table in ("inference_responses", "edges_by_target", "impact_hours", "impact_days", "call_hours"):
        store.command(f"OPTIMIZE TABLE {table} FINAL")

    answer = queries.impact(store, counters, "dataset", "python-docs", "", "")
    assert sorted_sets(answer) == sorted_sets(scanned_impact(store, "dataset", "python-docs", "", ""))
    check_call_hours(store, counters)
