"""What becomes of the messages of a range, on the real engine: a row or a dead letter each, whoever the neighbours are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.samples.builders import NOON_US, completed, one_of_each
from weir.events import SCHEMA_JSON, TOPICS, InvalidEvent, Reference, check_body, encode_body, named_id, writer_schema
from weir.events.bounds import COPIED_BYTES_MAX, ITEMS_MAX, NAME_BYTES_MAX
from weir.events.log import OffsetRange
from weir.events.ranges import TIME_END_US
from weir.lineage.core.retention import Retention
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.core.container import MARK, container, marked
from weir.lineage.sink.core.message import Body
from weir.lineage.sink.inserter import Inserter, WriterSchema
from weir.lineage.store.retention import keep
from weir.lineage.store.store import PARTITIONS_MAX, BlockTooLarge, RowsRefused, Store, StoreDown
from weir.runtime.clock import now_us

DAY_US = 86_400_000_000
MONTH_US = 30 * DAY_US
of_type: dict[str, Any] = {event.EVENT: event for event in one_of_each()}


class OwnSchemas:
    """A registry in which each topic's schema has the topic's place as its id."""

    def schema_of(self, schema_id: int) -> WriterSchema:
        name = sorted(SCHEMA_JSON)[schema_id]
        return WriterSchema(name, writer_schema(SCHEMA_JSON[name])[1], SCHEMA_JSON[name])


def no_patience(_: float) -> bool:
    raise AssertionError("the store was waited for; it should have taken the rows or refused them")


class Sunk:
    """A topic's table behind an inserter; every call is a range of its own."""

    def __init__(self, store: Store, kept_days: dict[str, int] | None = None) -> None:
        self._store = store
        self._inserter = Inserter(store, OwnSchemas(), kept_days)
        self._offset = 0

    def insert(self, topic: str, bodies: Sequence[bytes], written_us: int = NOON_US) -> dict[int, str]:
        """Details of the dead letters, by place in the range."""
        first = self._offset
        self._offset += len(bodies)
        schema_id = sorted(SCHEMA_JSON).index(TOPICS[topic].event)
        range_ = [Body(first + number, schema_id, body, written_us) for number, body in enumerate(bodies)]
        rejected = self._inserter.insert((OffsetRange(topic, 0, first, self._offset - 1),), range_, no_patience)
        assert rejected is not None
        return {body.offset - first: error.detail for body, error in rejected}

    def count(self, topic: str) -> int:
        return int(self._store.rows(f"SELECT count() AS n FROM {topic.replace('-', '_')} FINAL")[0]["n"])

    def copied_bytes(self) -> int:
        """Bytes of the names that the view of edges wrote."""
        names = "length(tenant) + length(request_id) + length(route) + length(outcome) + length(release_digest)"
        return int(self._store.rows(f"SELECT sum({names}) AS n FROM edges_by_source")[0]["n"])


@pytest.fixture
def sunk(store: Store) -> Sunk:
    return Sunk(store)


@pytest.fixture
def little(store: Store, tmp_path: Path) -> Iterator[Store]:
    """The same store behind a handle whose inserts may take little memory."""
    little = Store(LineageSettings(data_dir=tmp_path / "data", insert_memory_bytes_max=30_000_000))
    yield little
    little.close()


def feedback(seq: int, **fields: Any) -> bytes:
    made = {"seq": seq, "event_id": named_id(NOON_US, f"feedback {seq}")} | fields
    return encode_body(replace(of_type["FeedbackReceived"], **made))


def test_a_backfill_of_130_months_is_stored_in_one_insert(sunk: Sunk) -> None:
    rejected = sunk.insert("feedback", [feedback(n, event_time_us=NOON_US - n * MONTH_US) for n in range(130)])

    assert rejected == {}
    assert sunk.count("feedback") == 130


def test_one_message_of_130_months_is_stored_too(sunk: Sunk) -> None:
    spans = of_type["SpansRecorded"]
    many = tuple(replace(spans.spans[0], span_id=f"{n:016x}", start_time_us=NOON_US - n * MONTH_US) for n in range(130))

    assert sunk.insert("spans", [encode_body(replace(spans, spans=many))]) == {}
    assert sunk.count("span-rows") == 130


def test_no_block_of_accepted_times_has_too_many_partitions_and_one_that_has_is_halved(store: Store) -> None:
    months = (TIME_END_US // 1_000_000 - 946_684_800) / 86_400 / 28
    assert months < PARTITIONS_MAX + 100

    bodies = [feedback(n, event_time_us=NOON_US - n * MONTH_US) + MARK for n in range(8)]
    block = container(marked(SCHEMA_JSON["FeedbackReceived"]), bodies)
    store.command("SET max_partitions_per_insert_block = 5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("weir.lineage.store.store.PARTITIONS_MAX", 5)
        with pytest.raises(RowsRefused, match="252"):
            store.insert_container("feedback", block, "too many")
        assert Sunk(store).insert("feedback", [body[: -len(MARK)] for body in bodies]) == {}
    assert Sunk(store).count("feedback") == 8


def test_ranges_that_are_inserted_again_under_their_token_change_no_table(store: Store) -> None:
    schema_id = sorted(SCHEMA_JSON).index("InferenceCompleted")
    ranges = tuple(OffsetRange("inference-responses", number, 10, 12, "an-id") for number in range(3))
    good = [encode_body(replace(completed(n), event_id=named_id(NOON_US, f"{n}"))) for n in range(9)]
    bodies = [Body(10 + n % 3, schema_id, b"bad" if n == 4 else body, NOON_US, n // 3) for n, body in enumerate(good)]
    inserter = Inserter(store, OwnSchemas())

    def stored() -> list[int]:
        tables = ("inference_responses", "edges_by_source", "edges_by_target", "locations")
        return [int(store.rows(f"SELECT count() AS n FROM {table}")[0]["n"]) for table in tables]

    told = inserter.insert(ranges, bodies, no_patience)
    assert told is not None
    assert [body.place for body, _ in told] == [(1, 11)]
    first = stored()
    assert first[0] == 8

    told = inserter.insert(ranges, bodies, no_patience)
    assert told is not None
    assert [body.place for body, _ in told] == [(1, 11)]
    assert stored() == first


BAD: dict[str, bytes] = {
    "nanoseconds": feedback(1, event_time_us=NOON_US * 1_000),
    "milliseconds": feedback(2, event_time_us=NOON_US // 1_000),
    "seconds": feedback(3, event_time_us=NOON_US // 1_000_000),
    "the year 2110": feedback(4, event_time_us=4_417_977_600_000_000),
    "the year 2290": feedback(5, event_time_us=10_100_000_000_000_000),
    "int64": feedback(6, event_time_us=2**63 - 1),
    "before 1970": feedback(7, event_time_us=-1),
    "nan": feedback(8, score=float("nan")),
    "inf": feedback(9, score=float("-inf")),
    "a negative number": feedback(-1),
    "cut": feedback(10)[:-1],
    "longer": feedback(11) + b"abc",
    "empty": b"",
    "no UTF-8": feedback(12, comment="ab").replace(b"ab", b"\xed\xa0"),
    "an id of capitals": feedback(13, event_id=named_id(NOON_US, "bad").upper()),
    "an id in braces": feedback(14, event_id="{" + named_id(NOON_US, "bad") + "}"),
    "an id without hyphens": feedback(15, event_id=named_id(NOON_US, "bad").replace("-", "")),
    "an id with a line": feedback(16, event_id=named_id(NOON_US, "bad") + "\n"),
    "an id of a word": feedback(17, event_id="zzz"),
    "no id": feedback(18, event_id=""),
}


@pytest.mark.parametrize("name", BAD)
def test_what_no_table_can_keep_is_a_dead_letter_and_its_neighbours_are_rows(sunk: Sunk, name: str) -> None:
    rejected = sunk.insert("feedback", [feedback(100), BAD[name], feedback(101)])

    assert list(rejected) == [1]
    assert sunk.count("feedback") == 2


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from([*BAD, "good"]), min_size=1, max_size=6))
def test_what_becomes_of_a_message_does_not_depend_on_its_neighbours(sunk: Sunk, kinds: list[str]) -> None:
    before = sunk.count("feedback")
    bodies = [feedback(10_000 + before + n) if kind == "good" else BAD[kind] for n, kind in enumerate(kinds)]

    rejected = sunk.insert("feedback", bodies)

    assert set(rejected) == {n for n, kind in enumerate(kinds) if kind != "good"}
    assert sunk.count("feedback") == before + kinds.count("good")


def test_what_was_too_old_when_it_was_written_is_a_dead_letter_and_what_grew_old_in_the_log_is_passed_by(
    store: Store,
) -> None:
    keep(store, Retention(30, 30, 30))
    sunk, now = Sunk(store, {"feedback": 30}), now_us()
    old = feedback(1, event_time_us=now - 40 * DAY_US)

    told = sunk.insert("feedback", [feedback(0, event_time_us=now), old], written_us=now)
    passed_by = sunk.insert("feedback", [feedback(2, event_time_us=now), old], written_us=now - 39 * DAY_US)

    assert list(told) == [1]
    assert "40.0 days ago; rows of this topic are kept 30 days" in told[1]
    assert passed_by == {}
    assert sunk.count("feedback") == 2


def test_a_block_that_is_too_large_for_the_memory_of_one_insert_is_halved(store: Store, little: Store) -> None:
    text = "word " * 4_000
    bodies = [feedback(number, comment=text) for number in range(800)]
    with pytest.raises(BlockTooLarge):
        little.insert_container("feedback", container(SCHEMA_JSON["FeedbackReceived"], bodies), "too large")

    assert Sunk(little).insert("feedback", bodies) == {}

    assert Sunk(store).count("feedback") == 800


def test_one_event_that_alone_outgrows_an_insert_is_one_dead_letter(little: Store) -> None:
    """No wait makes it smaller; its neighbours are stored."""
    rejected = Sunk(little).insert("feedback", [feedback(1), feedback(2, comment="word " * 3_000_000), feedback(3)])

    assert list(rejected) == [1]
    assert "15000" in rejected[1]
    assert "too large for an insert" in rejected[1]
    assert Sunk(little).count("feedback") == 2


def answered(seq: int, name_bytes: int, items: int) -> bytes:
    """A small body out of which the views of edges make `items` rows, each with the name."""
    empty = Reference(kind="", name="", version="", digest="")
    return encode_body(completed(seq, request_id="r" * name_bytes, references=(empty,) * items, contexts=()))


@pytest.mark.parametrize(
    ("name_bytes", "items"), [(20_000, 20_000), (400_000, 400_000), (1, ITEMS_MAX + 1), (NAME_BYTES_MAX + 1, 1)]
)
def test_a_small_body_that_views_would_make_large_is_one_dead_letter(sunk: Sunk, name_bytes: int, items: int) -> None:
    rejected = sunk.insert(
        "inference-responses", [answered(n, *((1, 1), (name_bytes, items))[n == 1]) for n in range(3)]
    )

    assert list(rejected) == [1]
    assert "at most" in rejected[1]
    assert sunk.count("inference-responses") == 2


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, NAME_BYTES_MAX + 200), st.integers(0, ITEMS_MAX + 200))
def test_what_the_views_write_of_an_event_is_bounded_and_the_checks_and_the_tables_agree(
    sunk: Sunk, name_bytes: int, items: int
) -> None:
    before = sunk.copied_bytes()
    body = answered(name_bytes * 10_000 + items, name_bytes, items)
    try:
        check_body("InferenceCompleted", body)
    except InvalidEvent:
        assert list(sunk.insert("inference-responses", [body])) == [0]
    else:
        assert sunk.insert("inference-responses", [body]) == {}
    assert sunk.copied_bytes() - before <= COPIED_BYTES_MAX


def test_an_error_that_a_person_or_time_mends_is_no_fault_of_the_rows(store: Store) -> None:
    store.command("RENAME TABLE feedback TO elsewhere")

    with pytest.raises(StoreDown, match="60"):
        store.insert_container("feedback", container(SCHEMA_JSON["FeedbackReceived"], [feedback(1)]), "no table")


def test_the_row_that_is_refused_is_not_quoted(store: Store) -> None:
    block = container(SCHEMA_JSON["FeedbackReceived"], [feedback(1, event_time_us=7)])

    with pytest.raises(RowsRefused) as found:
        store.insert_container("feedback", block, "bad")

    assert "event_time_us = 7" not in str(found.value)
    assert "storable" in str(found.value)
