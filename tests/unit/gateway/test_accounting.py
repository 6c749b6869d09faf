"""The drain's ledger: holes get their reason, open calls their end, and reading again changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import NOON_US, call, call_end
from weir.capture.accounting import Account, Ledger, announced, closed, counted
from weir.capture.frames import HEAD
from weir.capture.gap import Gap
from weir.capture.ledger_file import LedgerFile
from weir.events import InferenceCompleted
from weir.events.log import ProducerEpoch
from weir.gateway.core.aborted import aborted
from weir.gateway.core.completion import events_of
from weir.gateway.core.record import Kind, Record, pack, unpack
from weir.gateway.drain.drain import opened_from

LIFE = ProducerEpoch("gateway/1", NOON_US)
LATER_US = NOON_US + 60_000_000


def record(kind: Kind, seq: int, name: int = 0) -> Record:
    asked = call(request_id=f"01a20d6d-5a00-71f5-8b91-{name:012x}")
    return Record(
        kind=kind,
        source=LIFE[0],
        boot_epoch=LIFE[1],
        seq=seq,
        call=asked,
        end=call_end() if kind == "completed" else None,
    )


def gap(first: int, last: int) -> Record:
    return Record(
        kind="gap",
        source=LIFE[0],
        boot_epoch=LIFE[1],
        seq=last + 1,
        gap=Gap(first_seq=first, last_seq=last, reason="spool_full"),
    )


def test_a_call_whose_end_was_shed_is_not_open() -> None:
    answered, hanging = record("requested", 0, 1), record("requested", 1, 2)
    shed = replace(gap(2, 3), gap=Gap(first_seq=2, last_seq=3, reason="spool_full", ended=tuple(ids([answered]))))
    read = [unpack(pack(one)[HEAD.size :]) for one in (answered, hanging, shed)]
    ledger, accounts = counted({}, read, has_corrupt=False)

    assert [(one.first_seq, one.last_seq, one.account) for one in accounts] == [(2, 3, "shed")]
    assert ids(map(aborted, closed(ledger, [LATER_US])[1])) == ids([hanging])


def ids(records: Iterable[Record]) -> list[str]:
    return [one.call.request_id for one in records if one.call is not None]


@pytest.mark.capability("X1")
@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(0, 19))
def test_cut_into_pieces_and_read_twice_the_books_are_the_same(ends: list[bool], cut: int) -> None:
    records, seq = [], 0
    for name, has_end in enumerate(ends):
        records.append(record("requested", seq, name))
        seq += 1
        if has_end:
            records.append(record("completed", seq, name))
            seq += 2
    whole, _ = counted({}, records, has_corrupt=False)

    ledger: Ledger = {}
    for piece in (records[:cut], records[:cut], records[cut:], records[cut:]):
        ledger, accounts = counted(ledger, piece, has_corrupt=False)
        assert accounts == []

    assert ledger == whole
    assert ledger[LIFE].next_seq == seq
    assert len(ledger[LIFE].open) == ends.count(False)


@pytest.mark.capability("X1")
def test_a_gap_record_explains_the_numbers_before_it() -> None:
    ledger, accounts = counted({}, [record("requested", 0), gap(1, 4), record("completed", 5)], has_corrupt=False)

    assert accounts == [Account(LIFE, 1, 4, "shed", "spool_full")]
    assert ledger[LIFE].next_seq == 7


@pytest.mark.capability("X1")
@pytest.mark.parametrize("is_split", [False, True])
def test_a_hole_beside_a_corrupt_record_is_corrupt(is_split: bool) -> None:
    before, after = [record("requested", 0)], [record("requested", 3, 1)]
    if is_split:
        ledger, first = counted({}, before, has_corrupt=True)
        ledger, second = counted(ledger, after, has_corrupt=False)
        accounts = [*first, *second]
    else:
        ledger, accounts = counted({}, before + after, has_corrupt=True)

    assert accounts == [Account(LIFE, 1, 2, "corrupt", "checksum")]


@pytest.mark.capability("X1")
def test_a_hole_without_a_reason_is_left_to_the_audit() -> None:
    _, accounts = counted({}, [record("requested", 0), record("requested", 5, 1)], has_corrupt=False)

    assert accounts == []


def test_accepted_numbers_are_announced_once() -> None:
    ledger, _ = counted({}, [record("requested", 0), record("completed", 1)], has_corrupt=False)
    ledger, first = announced(ledger)
    ledger, second = announced(ledger)

    assert (first, second) == ([Account(LIFE, 0, 2, "accepted")], [])


@pytest.mark.capability("O1")
def test_a_call_that_a_dead_gateway_left_open_ends_as_aborted_with_the_same_ids_each_time() -> None:
    ledger, _ = counted(
        {}, [record("requested", 0, 1), record("requested", 1, 2), record("completed", 2, 2)], has_corrupt=False
    )
    alive, none = closed(ledger, [NOON_US, LATER_US])
    after, unended = closed(ledger, [LATER_US])
    endings = list(map(aborted, unended))

    assert (alive, none, after) == (ledger, [], {})
    assert ids(endings) == [record("requested", 0, 1).call.request_id]  # type: ignore[union-attr]  # it has a call
    assert list(map(aborted, closed(ledger, [LATER_US])[1])) == endings
    completed = events_of(endings[0], text_chars_max=100)[0][2]
    assert isinstance(completed, InferenceCompleted)
    assert (completed.outcome, completed.error_type, completed.source, completed.seq) == (
        "aborted",
        "gateway_lost",
        "gateway/1/reconciler",
        0,
    )


def test_the_books_survive_their_file(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path, opened_from)
    assert file.load() == {}
    ledger, _ = counted({}, [record("requested", 0), record("requested", 4, 1)], has_corrupt=True)
    ledger = {key: replace(epoch, announced_seq=2) for key, epoch in ledger.items()}

    file.save(ledger)

    assert file.load() == ledger


def test_unreadable_books_begin_anew_and_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "books.json").write_text("[{}]")

    assert LedgerFile(tmp_path, opened_from).load() == {}
    assert "state_file_refused" in capsys.readouterr().out
