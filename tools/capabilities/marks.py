"""The mark that ties a test to a capability: `@pytest.mark.capability("U1", is_check=True)`.

With `is_check=True` the test does the row's own check, as a stranger would: whole, or that clause of it which `clause=` names
where the row lists `clauses`. Without it the test proves a part, and parts never make a row work. One mark may name several ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

PROVES_CHECK = "capability_check"
"""Name of the property on a test's report whose value is the id of the row that the test checks, with the clause."""

PROVES_PART = "capability_part"
"""Name of the property on a test's report whose value is the id of the row that the test proves a part of."""

BEFORE_CLAUSE = ": "
"""Between an id and a clause in such a value, which is a text because it comes from workers."""

Clauses = Mapping[str, Collection[str]]
"""Capability id -> the clauses of its check; empty where one test does all of it."""


class Mark(Protocol):
    """What pytest knows of a mark."""

    @property
    def args(self) -> tuple[object, ...]:
        """The ids."""

    @property
    def kwargs(self) -> object:
        """`is_check` and `clause`, or nothing."""


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """A test says that it proves a row's check, a clause of it, or a part."""

    capability: str
    is_check: bool
    clause: str = ""

    @property
    def report_property(self) -> tuple[str, str]:
        """What travels on the test's reports, from workers too."""
        clause = f"{BEFORE_CLAUSE}{self.clause}" if self.clause else ""
        return (PROVES_CHECK if self.is_check else PROVES_PART, self.capability + clause)


def claim_in(name: str, value: object) -> Claim | None:
    """The claim that a report's property carries; none in a property of others."""
    if name not in (PROVES_CHECK, PROVES_PART):
        return None
    id_, _, clause = str(value).partition(BEFORE_CLAUSE)
    return Claim(id_, name == PROVES_CHECK, clause)


def claims_of(marks: Iterable[Mark], known: Clauses) -> set[Claim]:
    """What the marks of one test claim; a check makes the part of the same row needless.

    Raises ValueError for an unknown id, a mark without an id, an argument that is not `is_check=True` or `clause=` with it,
    a clause that the row does not list, and a check without one where it lists some.
    """
    claims = {claim for mark in marks for claim in _claims(mark, known)}
    checked = {claim.capability for claim in claims if claim.is_check}
    return {claim for claim in claims if claim.is_check or claim.capability not in checked}


def _claims(mark: Mark, known: Clauses) -> list[Claim]:
    if not mark.args:
        raise ValueError("a capability mark without an id; write capability('U1') or capability('U1', is_check=True)")
    if strange := [id_ for id_ in mark.args if id_ not in known]:
        raise ValueError(f"a test names the unknown capabilities {strange}; the list is docs/capabilities.yaml")
    is_check, clause = _arguments(mark.kwargs)
    claims = [Claim(str(id_), is_check, clause) for id_ in mark.args]
    for claim in claims:
        listed = list(known[claim.capability])
        if claim.is_check and claim.clause not in (listed or [""]):
            raise ValueError(
                f"{claim.capability}: a test of its check names the clause {clause!r}; its clauses: {listed}"
            )
    return claims


def _arguments(given: object) -> tuple[bool, str]:
    """Whether the mark is of a check, and of which clause."""
    arguments = dict(given) if isinstance(given, Mapping) else {}
    is_check, clause = arguments.pop("is_check", False), arguments.pop("clause", "")
    if arguments or (given and is_check is not True) or not isinstance(clause, str):
        raise ValueError(
            f"a capability mark with {given}; the arguments beside ids are is_check=True and, with it, clause='...'"
        )
    return bool(is_check), clause
