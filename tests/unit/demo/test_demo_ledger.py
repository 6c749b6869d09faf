"""The demo's books: an acknowledged call counts once, under the id its client knew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from demo.answers import Answer, Ask, Refusal
from demo.ledger import Ledger, StoredCall, accounts_of
from demo.traffic.records import Question


def _answer(number: int, *, shows_id: bool = True) -> Answer:
    ask = Ask(number, Question(f"w{number:04}", "Why?", "syntax"))
    return Answer(ask, "openai" if shows_id else "tritonclient", "Because.", f"r{number}" if shows_id else "", 0.0, 1.0)


def _row(answer: Answer) -> StoredCall:
    return StoredCall(answer.request_id or "hidden", "" if answer.request_id else answer.ask.client_request_id)


@given(st.lists(st.tuples(st.booleans(), st.integers(min_value=0, max_value=3)), max_size=30))
def test_stored_and_lost_add_up_to_accepted(calls: list[tuple[bool, int]]) -> None:
    answers = [_answer(number, shows_id=shows) for number, (shows, _) in enumerate(calls)]
    rows = [_row(answer) for answer, (_, copies) in zip(answers, calls, strict=True) for _ in range(copies)]
    accounts = accounts_of(answers, rows)
    assert accounts.stored + accounts.lost == accounts.accepted == len(calls)
    assert accounts.duplicates_visible == sum(max(0, copies - 1) for _, copies in calls)


def test_rows_of_calls_that_nobody_acknowledged_count_for_nothing() -> None:
    accounts = accounts_of([_answer(1)], [StoredCall("r1", ""), StoredCall("r2", ""), StoredCall("r2", "")])
    assert (accounts.stored, accounts.lost, accounts.duplicates_visible) == (1, 0, 0)


def test_a_lost_call_is_named() -> None:
    assert accounts_of([_answer(1), _answer(2, shows_id=False)], []).lost_ids == ("r1", "demo-00002-w0002")


def test_the_ledger_keeps_refusals_apart() -> None:
    ledger = Ledger()
    ledger.note(_answer(1))
    ledger.note(Refusal(Ask(2, Question("w0002", "Why?", "syntax")), "openai", "overloaded", 0.0))
    assert (ledger.accepted, len(ledger.refusals), ledger.by_client()["openai"]) == (1, 1, 1)
