"""What tests prove about a capability, and what the page says of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools.capabilities.marks import Claim, claim_in, claims_of
from tools.capabilities.page import counts, page
from tools.capabilities.rows import LIST, Row, State, rows_of
from tools.capabilities.states import PASSED, Outcome, contradictions, proofs_of, state_of, with_those_not_run

ENDS = st.sampled_from([PASSED, "failed", "skipped"])
OUTCOMES = st.lists(
    st.builds(Outcome, st.just("U1"), st.sampled_from(["a", "b[x]", "b[y]", "c[1]"]), st.booleans(), ENDS)
)


KNOWN = {"U1": (), "D5": ("gate", "old trace")}
"""Rows that a mark may name, with the clauses of their checks."""


def row(state: State = State.WORKS, missing: str = "", id_: str = "U1") -> Row:
    """A row in a state."""
    return Row(id_, "ways in", "what | it is", "the check", state, missing)


def state(*outcomes: Outcome) -> State:
    """The state that outcomes of U1 give it."""
    return state_of(proofs_of(outcomes).get("U1", ()))


def ended(node: str, outcome: str = PASSED, *, is_check: bool = True, clause: str = "") -> Outcome:
    """An outcome of U1."""
    return Outcome("U1", node, is_check, outcome, clause)


def in_clauses() -> Row:
    """A row of which two tests do a half each."""
    return replace(row(), clauses=("gate", "old trace"))


@given(OUTCOMES)
def test_without_a_test_of_the_check_a_row_never_works(outcomes: list[Outcome]) -> None:
    assert state(*(found for found in outcomes if not found.is_check)) is not State.WORKS


@given(OUTCOMES, st.sampled_from(["failed", "skipped"]), st.data())
def test_one_parameter_of_a_check_that_did_not_pass_is_enough(
    outcomes: list[Outcome], end: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(outcomes)))

    assert state(*outcomes[:place], ended("test_it[one]", end), *outcomes[place:]) is not State.WORKS


@given(OUTCOMES.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_of_outcomes_changes_nothing(found: tuple[list[Outcome], list[Outcome]]) -> None:
    outcomes, shuffled = found

    assert state(*shuffled) is state(*outcomes)


def test_a_failed_parameter_is_not_covered_by_the_last_one() -> None:
    assert state(ended("t[1]"), ended("t[2]", "failed"), ended("t[3]")) is State.MISSING
    assert state(ended("t[1]"), ended("t[2]"), ended("t[3]")) is State.WORKS


@given(OUTCOMES, OUTCOMES)
def test_a_marked_check_that_no_run_came_to_is_no_proof(ran: list[Outcome], marked: list[Outcome]) -> None:
    found = with_those_not_run(ran, marked)
    came = {(one.node, one.is_check) for one in ran}

    assert found[: len(ran)] == ran
    if any(one.is_check and (one.node, True) not in came for one in marked):
        assert state(*found) is not State.WORKS


def test_parts_make_a_row_partial_and_no_more() -> None:
    assert state(ended("part", is_check=False)) is State.PARTIAL
    assert state(ended("part", is_check=False), ended("t", "skipped")) is State.PARTIAL
    assert state() is State.MISSING


@pytest.mark.parametrize(
    ("claimed", "outcomes", "why"),
    [
        (row(), [], "no test of it ran"),
        (row(), [ended("t[1]", "failed"), ended("t[2]")], r"did not pass whole: t \(failed, passed\)"),
        (row(), [ended("part", is_check=False)], "no test of its check ran; 1 of parts passed"),
        (row(State.MISSING), [ended("t")], "says missing, the tests say works: the tests of its check passed: t"),
        (row(State.PARTIAL, "most"), [ended("t")], "says partial, the tests say works"),
        (row(State.PARTIAL, "most"), [], "says partial, the tests say missing"),
        (row(State.MISSING, id_="U2"), [ended("t")], "U1: tests name it and docs/capabilities.yaml does not list it"),
    ],
)
def test_a_claim_that_the_tests_do_not_bear_out_is_told(claimed: Row, outcomes: list[Outcome], why: str) -> None:
    told = contradictions([claimed], proofs_of(outcomes))

    assert len(told) == 1
    assert re.search(why, told[0])


def test_a_check_of_two_clauses_needs_a_test_of_each() -> None:
    gate, old_trace = ended("a", clause="gate"), ended("b", clause="old trace")

    assert contradictions([in_clauses()], proofs_of([gate, old_trace])) == []
    for half, left in ((gate, "old trace"), (old_trace, "gate")):
        (told,) = contradictions([in_clauses()], proofs_of([half]))
        assert told.endswith(f"says works, the tests say partial: no test does these clauses of its check: {left}")
    (told,) = contradictions([in_clauses()], proofs_of([gate, replace(old_trace, outcome="failed")]))
    assert "a test of its check did not pass whole: b (failed)" in told


def test_a_clause_that_one_test_does_is_not_done_by_the_outcome_of_another() -> None:
    ran = [ended("a", clause="gate")]
    marked = [*ran, ended("a", clause="old trace")]

    assert [(one.clause, one.outcome) for one in with_those_not_run(ran, marked)] == [
        ("gate", PASSED),
        ("old trace", "not run"),
    ]


def test_tests_that_share_a_check_without_its_clauses_are_told() -> None:
    (told,) = contradictions([row()], proofs_of([ended("a"), ended("b")]))
    assert told == "U1: several tests do its check; list `clauses`, and name one in each test's mark: a; b"

    of_another = ended("c", clause="speed")
    told, *_ = contradictions([in_clauses()], proofs_of([ended("a", clause="gate"), of_another]))
    assert told == "U1: tests name the clauses ['speed']; docs/capabilities.yaml lists ['gate', 'old trace']"


def test_a_claim_that_holds_is_no_contradiction() -> None:
    assert contradictions([row()], proofs_of([ended("t[1]"), ended("t[2]")])) == []
    assert contradictions([row(State.MISSING)], {}) == []


def test_the_first_line_of_the_page_counts_the_states_and_each_row_names_its_test() -> None:
    rows = [row(), row(State.PARTIAL, "the rest", "U2"), row(State.MISSING, id_="U3")]
    proofs = proofs_of(
        [ended("tests/unit/test_a.py::test_it[1]"), Outcome("U2", "tests/e2e/test_b.py::test_b", False, PASSED)]
    )

    text = page(rows, proofs)

    assert text.splitlines()[0] == "# Capabilities: 1 of 3 work, 1 in part, 1 missing"
    assert counts(rows) in text
    works, partial, missing = text.splitlines()[-3:]
    assert works.endswith("| works | `unit/test_a.py::test_it` | `.venv/bin/pytest tests/unit/test_a.py::test_it` |")
    assert "what \\| it is" in works
    shared = page([in_clauses()], proofs_of([ended("a", clause="gate"), ended("b", clause="old trace")]))
    assert "| works | gate: `a`, old trace: `b` |" in shared
    assert "| in part; missing: the rest | `e2e/test_b.py::test_b` |" in partial
    assert missing.endswith("| **missing** |  |  |")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[{id: U1, group: g, what: w, check: c, state: partial}]", "'partial' says under 'missing'"),
        ("[{id: U1, group: g, what: w, check: c, state: works, missing: some}]", "say nothing there"),
        ("[{id: U1, group: g, what: w, check: c, state: missing, lacks: some}]", "a row that works says that alone"),
        ("[{id: U1, group: g, what: w, check: c, state: tested}]", "'tested' is not a valid State"),
        ("[{id: U1, group: g, what: w, check: c, state: missing, owner: me}]", "owner"),
        ("[{id: U1, group: g, what: w, check: c}]", "'state'"),
        ("[{id: U1, group: g, what: w, check: c, state: works, clauses: [gate]}]", "at least two different ones"),
        ("[{id: U1, group: g, what: w, check: c, state: works, clauses: [gate, gate]}]", "at least two different ones"),
        ("[{id: U1, group: g, what: w, check: c, state: works, clauses: gate}]", "clauses is 'gate', no list"),
        (
            "[{id: A, group: g, what: w, check: c, state: missing}, {id: A, group: g, what: w, check: c, state: missing}]",
            "twice",
        ),
    ],
)
def test_a_row_that_says_too_little_or_too_much_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        rows_of(text)


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        (pytest.mark.capability("U99"), "unknown capabilities \\['U99'\\]"),
        (pytest.mark.capability(), "without an id"),
        (pytest.mark.capability("U1", is_check=False), "is_check=True"),
        (pytest.mark.capability("U1", check=True), "is_check=True"),
        (pytest.mark.capability("D5", clause="gate"), "is_check=True and, with it, clause"),
        (pytest.mark.capability("D5", is_check=True), "names the clause ''; its clauses: \\['gate', 'old trace'\\]"),
        (
            pytest.mark.capability("D5", is_check=True, clause="speed"),
            "D5: a test of its check names the clause 'speed'",
        ),
        (pytest.mark.capability("U1", is_check=True, clause="gate"), "names the clause 'gate'; its clauses: \\[\\]"),
    ],
)
def test_a_mark_that_says_nothing_known_is_refused(mark: pytest.MarkDecorator, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        claims_of([mark.mark], KNOWN)


@pytest.mark.parametrize("claim", [Claim("U1", False), Claim("U1", True), Claim("D5", True, "old trace")])
def test_a_claim_comes_back_from_a_report(claim: Claim) -> None:
    assert claim_in(*claim.report_property) == claim
    assert claim_in("duration", "U1") is None


def test_a_check_of_a_row_is_not_a_part_of_it_too() -> None:
    marks = [pytest.mark.capability("U1", "U2").mark, pytest.mark.capability("U1", is_check=True).mark]

    assert claims_of(marks, {"U1": (), "U2": ()}) == {Claim("U1", is_check=True), Claim("U2", is_check=False)}
    one_clause = [pytest.mark.capability("D5").mark, pytest.mark.capability("D5", is_check=True, clause="gate").mark]
    assert claims_of(one_clause, KNOWN) == {Claim("D5", True, "gate")}


def test_the_list_has_the_72_rows_of_the_design() -> None:
    letters = [found.id[0] for found in rows_of(LIST.read_text())]

    assert {letter: letters.count(letter) for letter in "UDOGAX"} == {
        "U": 8,
        "D": 15,
        "O": 16,
        "G": 8,
        "A": 15,
        "X": 10,
    }
