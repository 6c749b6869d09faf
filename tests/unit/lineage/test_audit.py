"""The books: every number is in exactly one column, and what nobody accounts for is named, number by number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import completed
from weir.events import encode_body, frame
from weir.events.log import ProducerEpoch
from weir.events.ranges import COUNT, EPOCH
from weir.lineage.audit.core.audit import Accounted, SourceAudit, Stored, audited, confirmed, totals, without_elsewhere
from weir.lineage.audit.core.numbered import numbers_of
from weir.lineage.audit.core.ranges import NumberRange, common, merged, size, without

LIFE = ProducerEpoch("gateway/1", 1)
NOTHING = SourceAudit(
    *LIFE, accepted=0, stored=0, superseded=0, dead_lettered=0, shed=0, corrupt=0, late=0, duplicates=0
)
NUMBERS = st.sets(st.integers(0, 60))


def spans(numbers: Iterable[int]) -> tuple[NumberRange, ...]:
    return tuple(merged(NumberRange(number, number) for number in numbers))


def numbers(found: Iterable[tuple[int, int]]) -> set[int]:
    return {number for first, last in found for number in range(first, last + 1)}


def stored(seqs: set[int]) -> Stored:
    highest = max(seqs, default=-1)
    return Stored(len(seqs), len(seqs), highest, 0, spans(set(range(highest)) - seqs))


def book_of(seqs: set[int], **accounts: set[int]) -> SourceAudit:
    named = {word: spans(values) for word, values in accounts.items()}
    highest = max([-1, *(number for word, values in accounts.items() if word != "accepted" for number in values)])
    accounted = replace(Accounted(highest=highest), **named)  # type: ignore[arg-type]  # mypy sees one type for all
    books = audited({LIFE: stored(seqs)} if seqs else {}, {LIFE: accounted})
    return books[0] if books else NOTHING


@pytest.mark.capability("X1")
@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_what_nobody_accounts_for_is_named_exactly(
    seqs: set[int], accepted: set[int], shed: set[int], corrupt: set[int], dead: set[int]
) -> None:
    book = book_of(seqs, accepted=accepted, shed=shed, corrupt=corrupt, dead=dead)

    used = set(range(max([-1, *seqs, *accepted, *shed, *corrupt, *dead]) + 1))
    assert numbers(book.missing) == used - seqs - shed - corrupt - dead
    assert book.accepted == len(used)
    assert totals([book])["missing"] == book.missing_count == size(book.missing)
    explained = book.stored + book.superseded + book.dead_lettered + book.shed + book.corrupt
    assert book.accepted == explained + book.missing_count


@pytest.mark.capability("X1")
@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_number_is_missing_only_if_it_was_before_the_sink_caught_up(
    before: set[int], since: set[int], accepted: set[int]
) -> None:
    first, second = book_of(before, accepted=accepted), book_of(before | since, accepted=accepted)

    (agreed,) = confirmed([first], [second])

    assert numbers(agreed.missing) == numbers(first.missing) & numbers(second.missing)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_number_that_is_stored_outside_the_window_is_not_missing_in_it(
    stored: set[int], accepted: set[int], elsewhere: set[int]
) -> None:
    book = book_of(stored, accepted=accepted)

    left = totals(without_elsewhere([book], {LIFE: spans(elsewhere)}))

    assert left["missing"] == len(numbers(book.missing) - elsewhere)
    assert left["accepted"] == book.accepted - len(numbers(book.missing) & elsewhere)


def test_a_life_of_which_nothing_is_stored_is_missing_whole() -> None:
    book = book_of(set(), accepted={0, 1, 2})

    assert (book.accepted, book.stored, book.missing) == (3, 0, ((0, 2),))


def test_a_duplicate_is_counted() -> None:
    assert audited({LIFE: Stored(rows=5, distinct=4, highest=3)}, {})[0].duplicates == 1


@given(NUMBERS, NUMBERS)
def test_ranges_are_sets_of_numbers(mine: set[int], others: set[int]) -> None:
    assert numbers(without(spans(mine), spans(others))) == mine - others
    assert numbers(common(spans(mine), spans(others))) == mine & others
    assert size(spans(mine)) == len(mine)


def test_a_dead_letter_tells_its_number_even_when_the_rest_of_it_is_cut() -> None:
    event = completed(7)
    payload = frame(3, encode_body(event))

    assert numbers_of(payload) == numbers_of(payload[:150]) == (event.source, event.boot_epoch, 7)


@given(st.binary(max_size=300))
def test_noise_has_no_number_or_a_believable_one(noise: bytes) -> None:
    found = numbers_of(noise)

    assert found is None or (found[1] > 0 and found[2] >= 0)


@pytest.mark.parametrize(
    ("seq", "boot_epoch", "is_taken"),
    [
        (COUNT.last, 1, True),
        (COUNT.last + 1, 1, False),
        (2**63 - 1, 1, False),
        (-1, 1, False),
        (0, EPOCH.last, True),
        (0, EPOCH.last + 1, False),
        (0, 0, False),
    ],
)
def test_a_number_that_was_refused_as_out_of_range_is_not_believed(seq: int, boot_epoch: int, is_taken: bool) -> None:
    payload = frame(3, encode_body(replace(completed(7), seq=seq, boot_epoch=boot_epoch)))

    assert (numbers_of(payload) is not None) == is_taken
