"""The mark that ties a test to a capability: `@pytest.mark.capability("U1", is_check=True)`.

With `is_check=True` the test does the row's own check, whole, as a stranger would. Without it the test proves a part, and
parts never make a row work. One mark may name several ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

PROVES_CHECK = "capability_check"
"""Name of the property on a test's report whose value is the id of the row that the test checks."""

PROVES_PART = "capability_part"
"""Name of the property on a test's report whose value is the id of the row that the test proves a part of."""


class Mark(Protocol):
    """What pytest knows of a mark."""

    @property
    def args(self) -> tuple[object, ...]:
        """The ids."""

    @property
    def kwargs(self) -> object:
        """`is_check`, or nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A test says that it proves a row's check, or a part of it."""

    capability: str
    is_check: bool

    @property
    def report_property(self) -> tuple[str, str]:
        """What travels on the test's reports, from workers too."""
        return (PROVES_CHECK if self.is_check else PROVES_PART, self.capability)


def claims_of(marks: Iterable[Mark], known: Collection[str]) -> set[Claim]:
    """What the marks of one test claim; a check makes the part of the same row needless.

    Raises ValueError for an unknown id, a mark without an id, and an argument that is not `is_check=True`.
    """
    claims = {claim for mark in marks for claim in _claims(mark, known)}
    return {claim for claim in claims if claim.is_check or Claim(claim.capability, is_check=True) not in claims}


def _claims(mark: Mark, known: Collection[str]) -> list[Claim]:
    if not mark.args:
        raise ValueError("a capability mark without an id; write capability('U1') or capability('U1', is_check=True)")
    if mark.kwargs not in ({}, {"is_check": True}):
        raise ValueError(f"a capability mark with {mark.kwargs}; the one argument beside ids is is_check=True")
    if strange := [id_ for id_ in mark.args if id_ not in known]:
        raise ValueError(f"a test names the unknown capabilities {strange}; the list is docs/capabilities.yaml")
    return [Claim(str(id_), is_check=bool(mark.kwargs)) for id_ in mark.args]
