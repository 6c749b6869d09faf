"""What tests prove about a capability: its state, and where docs/capabilities.yaml claims another one.

A row works when a test of its check, or of each clause of it, ran and every outcome of every such test is `passed`: each
parameter counts, and a skipped test proves nothing. Otherwise it is partial when some test of it passed whole, else missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tools.capabilities.rows import Row, State

PASSED = "passed"
NOT_RUN = "not run"
"""What became of a test that carries a mark and that no run came to: a worker died, or somebody left it out."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test with one set of parameters ended, and for which row."""

    capability: str
    node: str
    """pytest's id of the test, with its parameters in brackets."""

    is_check: bool
    outcome: str
    clause: str = ""
    """Which one of the check it does, where the row lists them."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A test function and all that came out of it. outcomes: at least one, one per set of parameters."""

    test: str
    is_check: bool
    outcomes: tuple[str, ...]
    clause: str = ""

    @property
    def holds(self) -> bool:
        """Whether it proves anything: every outcome passed."""
        return all(outcome == PASSED for outcome in self.outcomes)


Proofs = Mapping[str, Sequence[Proof]]
"""Capability id -> its proofs, sorted by test."""


def proofs_of(outcomes: Iterable[Outcome]) -> Proofs:
    """The outcomes gathered by test function; none is dropped."""
    gathered: dict[str, dict[tuple[str, bool, str], list[str]]] = defaultdict(lambda: defaultdict(list))
    for found in outcomes:
        gathered[found.capability][found.node.split("[")[0], found.is_check, found.clause].append(found.outcome)
    return {
        id_: [Proof(test, is_check, tuple(ended), clause) for (test, is_check, clause), ended in sorted(tests.items())]
        for id_, tests in gathered.items()
    }


def with_those_not_run(ran: Iterable[Outcome], marked: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes of a run, and `not run` for every marked test, with its parameters, that the run does not hold."""
    found = list(ran)
    known = {replace(one, outcome=NOT_RUN) for one in found}
    return found + [one for one in (replace(one, outcome=NOT_RUN) for one in marked) if one not in known]


def state_of(proofs: Sequence[Proof], clauses: Sequence[str] = ()) -> State:
    """The state that the proofs of one row give it. clauses: those of its check."""
    checks = [proof for proof in proofs if proof.is_check]
    if checks and all(proof.holds for proof in checks) and not unproven(checks, clauses):
        return State.WORKS
    return State.PARTIAL if any(proof.holds for proof in proofs) else State.MISSING


def unproven(proofs: Sequence[Proof], clauses: Sequence[str]) -> list[str]:
    """Clauses of a check that no test does."""
    done = {proof.clause for proof in proofs if proof.is_check}
    return [clause for clause in clauses if clause not in done]


def contradictions(rows: Sequence[Row], proofs: Proofs) -> list[str]:
    """One sentence per row whose claimed state is not the one found or whose check is shared out without clauses, and per
    test of a row that is not listed.
    """
    unknown = sorted(set(proofs) - {row.id for row in rows})
    told = [f"{id_}: tests name it and docs/capabilities.yaml does not list it" for id_ in unknown]
    for row in rows:
        found = proofs.get(row.id, ())
        told += _shared_out(row, found)
        if state_of(found, row.clauses) is not row.state:
            told.append(_contradiction(row, found))
    return told


def _shared_out(row: Row, proofs: Sequence[Proof]) -> list[str]:
    """What is wrong with who does which clause: without clauses, deleting one of two tests that do a half each says nothing."""
    checks = [proof for proof in proofs if proof.is_check]
    strange = sorted({proof.clause for proof in checks} - set(row.clauses or ("",)))
    if strange:
        return [f"{row.id}: tests name the clauses {strange}; docs/capabilities.yaml lists {[*row.clauses]}"]
    if not row.clauses and len(checks) > 1:
        tests = "; ".join(proof.test for proof in checks)
        return [f"{row.id}: several tests do its check; list `clauses`, and name one in each test's mark: {tests}"]
    return []


def _contradiction(row: Row, proofs: Sequence[Proof]) -> str:
    checks = [proof for proof in proofs if proof.is_check]
    broken = [f"{proof.test} ({', '.join(sorted(set(proof.outcomes)))})" for proof in checks if not proof.holds]
    if broken:
        why = f"a test of its check did not pass whole: {'; '.join(broken)}"
    elif checks and (left := unproven(checks, row.clauses)):
        why = f"no test does these clauses of its check: {', '.join(left)}"
    elif checks:
        why = f"the tests of its check passed: {'; '.join(proof.test for proof in checks)}"
    elif proofs:
        why = f"no test of its check ran; {sum(proof.holds for proof in proofs)} of parts passed"
    else:
        why = "no test of it ran"
    return f"{row.id}: docs/capabilities.yaml says {row.state}, the tests say {state_of(proofs, row.clauses)}: {why}"
