"""The books on the real engine: what is stored is counted, what is gone is named, a window is a part of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from harness.samples.builders import NOON_US, completed, one_of_each
from weir.events import (
    TOPICS,
    DeadLettered,
    EvaluationScored,
    Event,
    InferenceCompleted,
    NumbersAccounted,
    encode_body,
    frame,
    named_id,
)
from weir.lineage.audit.core.audit import MARGIN_US, Window
from weir.lineage.audit.reading import Audit, audit
from weir.lineage.store.store import Store

pytestmark = pytest.mark.capability("X1")

Put = Callable[..., None]
HOUR_US = 3_600_000_000


class CaughtUp:
    """A log that the sink has read to its end: what the broker would answer."""

    def caught_up(self) -> bool:
        return True

    def messages(self) -> dict[str, int]:
        return {}


class Behind(CaughtUp):
    """A log that the sink does not catch up with."""

    def caught_up(self) -> bool:
        return False


def asked(store: Store, window: Window | None = None, backlog: CaughtUp | None = None) -> Audit:
    return audit(store, backlog or CaughtUp(), "lineage", window or Window())


def calls(numbers: Iterable[int], *, every_us: int = 1, boot_epoch: int = NOON_US) -> list[InferenceCompleted]:
    return [
        completed(number, source="gateway/1", boot_epoch=boot_epoch, event_time_us=NOON_US + number * every_us)
        for number in numbers
    ]


def of_type(kind: type) -> object:
    return next(event for event in one_of_each() if isinstance(event, kind))


def scores(boot_epoch: int, names: str) -> list[EvaluationScored]:
    plain = of_type(EvaluationScored)
    assert isinstance(plain, EvaluationScored)
    return [
        replace(
            plain, source="evaluator/1", boot_epoch=boot_epoch, seq=seq, event_id=named_id(NOON_US, f"score {name}")
        )
        for seq, name in enumerate(names)
    ]


def test_a_row_that_is_gone_is_named_and_nothing_else(store: Store, put: Put) -> None:
    put("inference-responses", *calls(range(10)))
    assert asked(store).totals["missing"] == 0

    store.command("ALTER TABLE inference_responses DELETE WHERE seq IN (3, 4, 7) SETTINGS mutations_sync = 2")

    (book,) = asked(store).sources
    assert (book.accepted, book.stored, book.missing) == (10, 7, ((3, 4), (7, 7)))


def test_windows_that_lie_side_by_side_add_up_to_the_whole(store: Store, put: Put) -> None:
    put("inference-responses", *calls({0, 1, 2, 5, 6, 7, 11, 12}, every_us=HOUR_US))
    edges = [0, NOON_US + 2 * HOUR_US, NOON_US + 6 * HOUR_US, NOON_US + 100 * HOUR_US]

    parts = [asked(store, Window(*span)) for span in zip(edges, edges[1:], strict=False)]
    whole = asked(store)

    for column in ("accepted", "stored", "missing"):
        assert sum(part.totals[column] for part in parts) == whole.totals[column]
    assert [part.totals["missing"] for part in parts] == [0, 2, 3]


def test_rows_just_outside_a_window_are_no_holes_in_it(store: Store, put: Put) -> None:
    since_us = NOON_US + 10
    late_writer = replace(calls([3])[0], event_time_us=since_us - 1)
    put("inference-responses", *[replace(one, event_time_us=since_us) for one in calls([0, 1, 2, 4])], late_writer)

    (book,) = asked(store, Window(since_us)).sources

    assert (book.accepted, book.missing) == (4, ())


def test_an_event_about_the_past_is_no_hole_among_those_of_today(store: Store, put: Put) -> None:
    old, last_week = {3, 4, 7}, NOON_US - 7 * 24 * HOUR_US
    put("inference-responses", *calls(set(range(10)) - old))
    put("inference-responses", *[replace(one, event_time_us=last_week) for one in calls(old)])
    today = Window(NOON_US)
    assert [(book.accepted, book.missing) for book in asked(store, today).sources] == [(7, ())]

    store.command("ALTER TABLE inference_responses DELETE WHERE seq IN (4, 8) SETTINGS mutations_sync = 2")

    (book,) = asked(store, today).sources
    assert (book.accepted, book.stored, book.missing) == (8, 6, ((4, 4), (8, 8)))
    assert asked(store, Window(last_week, NOON_US)).totals["missing"] == 0


def test_an_event_about_the_past_that_was_sent_again_leaves_no_missing_number(store: Store, put: Put) -> None:
    times_us = dict.fromkeys(("score b", "score d"), NOON_US - 7 * 24 * HOUR_US)
    for sent in (scores(NOON_US, "abcde"), scores(NOON_US + 50, "bd")):
        put("evaluation-scores", *[replace(one, event_time_us=times_us.get(one.event_id, NOON_US)) for one in sent])
    store.command("OPTIMIZE TABLE evaluation_scores FINAL")

    assert asked(store, Window(NOON_US)).totals["missing"] == 0


def test_a_life_that_is_older_than_the_window_has_no_hole_at_its_start(store: Store, put: Put) -> None:
    boot_epoch = NOON_US - 2 * MARGIN_US
    put("inference-responses", *calls([500, 501], boot_epoch=boot_epoch))

    assert asked(store, Window(NOON_US)).totals["missing"] == 0
    assert asked(store).totals["missing"] == 500


def test_a_derived_event_that_was_sent_again_leaves_no_missing_number(store: Store, put: Put) -> None:
    put("evaluation-scores", *scores(NOON_US, "abcde"))
    put("evaluation-scores", *scores(NOON_US + 50, "bd"))
    store.command("OPTIMIZE TABLE evaluation_scores FINAL")

    first, second = asked(store).sources

    assert (first.accepted, first.stored, first.superseded, first.missing) == (5, 3, 2, ())
    assert (second.accepted, second.stored) == (2, 2)


@pytest.mark.capability("U3")
@pytest.mark.parametrize("topic", ["inference-requests", "inference-responses", "spans"])
def test_an_event_of_an_export_that_was_tried_again_leaves_no_missing_number(
    store: Store, put: Put, topic: str
) -> None:
    plain = next(event for event in one_of_each() if TOPICS[topic].event == event.EVENT)

    def sent(boot_epoch: int, names: str) -> list[Event]:
        return [
            replace(
                plain, source="otlp/1", boot_epoch=boot_epoch, seq=seq, event_id=named_id(NOON_US, f"reported {name}")
            )
            for seq, name in enumerate(names)
        ]

    put(topic, *sent(NOON_US, "abcde"))
    put(topic, *sent(NOON_US + 50, "bd"))
    store.command(f"OPTIMIZE TABLE {topic.replace('-', '_')} FINAL")

    first, second = asked(store).sources

    assert (first.accepted, first.stored, first.superseded, first.missing) == (5, 3, 2, ())
    assert (second.accepted, second.stored) == (2, 2)


def test_a_derived_event_that_is_gone_under_both_numbers_is_missing(store: Store, put: Put) -> None:
    put("evaluation-scores", *scores(NOON_US, "abcde"))
    put("evaluation-scores", *scores(NOON_US + 50, "bdx"))
    gone = named_id(NOON_US, "score b")
    store.command(f"ALTER TABLE evaluation_scores DELETE WHERE event_id = '{gone}' SETTINGS mutations_sync = 2")

    first, second = asked(store).sources

    assert (first.superseded, first.missing) == (1, ((1, 1),))
    assert second.missing == ((0, 0),)


def test_shed_and_dead_numbers_are_explained_and_a_lost_tail_is_not(store: Store, put: Put) -> None:
    account, letter = of_type(NumbersAccounted), of_type(DeadLettered)
    assert isinstance(account, NumbersAccounted)
    assert isinstance(letter, DeadLettered)
    second = named_id(NOON_US, "second")
    told = replace(account, numbered_source="gateway/1", numbered_boot_epoch=NOON_US, source="drain/1")
    put("inference-responses", *calls({0, 1, 2, 6}))
    put(
        "accounts",
        replace(told, first_seq=3, last_seq=4, account="shed"),
        replace(told, seq=1, event_id=second, first_seq=0, last_seq=9, account="accepted"),
    )
    (bad,) = calls([5])
    put("dead-letters", replace(letter, source="l/1", consumer_group="lineage", payload=frame(1, encode_body(bad))))

    book = next(one for one in asked(store).sources if one.source == "gateway/1")

    assert (book.accepted, book.stored, book.shed, book.dead_lettered) == (10, 4, 2, 1)
    assert book.missing == ((7, 9),)


@pytest.mark.parametrize("seq", [2**48, 2**63 - 1])
def test_a_dead_letter_whose_number_is_out_of_range_leaves_the_books_closed(store: Store, put: Put, seq: int) -> None:
    letter = of_type(DeadLettered)
    assert isinstance(letter, DeadLettered)
    put("inference-responses", *calls(range(3)))
    payload = frame(1, encode_body(replace(calls([5])[0], seq=seq)))
    put("dead-letters", replace(letter, source="l/1", consumer_group="lineage", payload=payload))

    found = asked(store)

    book = next(one for one in found.sources if one.source == "gateway/1")
    assert (book.accepted, book.stored, book.missing) == (3, 3, ())
    assert found.totals["dead_lettered"] == 1


def test_numbers_that_the_drain_put_aside_are_dead_lettered_and_a_tail_that_was_used_is_missing(
    store: Store, put: Put
) -> None:
    account = of_type(NumbersAccounted)
    assert isinstance(account, NumbersAccounted)
    second = named_id(NOON_US, "second")
    told = replace(account, numbered_source="gateway/1", numbered_boot_epoch=NOON_US, source="drain/1")
    put("inference-responses", *calls({0, 1, 4}))
    put(
        "accounts",
        replace(told, first_seq=2, last_seq=3, account="dead", reason="undecodable"),
        replace(told, seq=1, event_id=second, first_seq=0, last_seq=5, account="accepted"),
    )

    book = next(one for one in asked(store).sources if one.source == "gateway/1")

    assert (book.accepted, book.stored, book.dead_lettered, book.missing) == (6, 3, 2, ((5, 5),))


def test_a_dead_letter_that_was_written_again_is_shown_once_and_both_its_numbers_are_stored(
    store: Store, put: Put
) -> None:
    letter = of_type(DeadLettered)
    assert isinstance(letter, DeadLettered)
    put("dead-letters", replace(letter, source="l/1", boot_epoch=NOON_US, seq=0))
    put("dead-letters", replace(letter, source="l/1", boot_epoch=NOON_US + 1, seq=0, event_time_us=NOON_US + 9))

    assert len(store.rows("SELECT event_id FROM v_dead_letters")) == 1
    assert (asked(store).totals["stored"], asked(store).totals["missing"]) == (2, 0)


def test_while_the_sink_is_behind_the_answer_says_so(store: Store, put: Put) -> None:
    put("inference-responses", *calls([0, 2]))

    found = asked(store, backlog=Behind())

    assert (found.is_settled, found.totals["missing"]) == (False, 1)


def test_an_account_with_an_unknown_word_explains_nothing_and_the_books_are_still_read(
    store: Store, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = of_type(NumbersAccounted)
    assert isinstance(plain, NumbersAccounted)
    told = replace(
        plain,
        source="gateway-drain/1",
        numbered_source="gateway/1",
        numbered_boot_epoch=NOON_US,
        account="parked",  # type: ignore[arg-type]  # a word of a newer producer
        first_seq=1,
        last_seq=1,
        event_time_us=NOON_US,
    )
    put("inference-responses", *calls([0, 2]))
    put("accounts", told)

    (book,) = [one for one in asked(store).sources if one.source == "gateway/1"]

    assert book.missing == ((1, 1),)
    assert "parked" in capsys.readouterr().out
