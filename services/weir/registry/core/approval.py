"""Approval: an alias under four eyes moves only to a version that somebody other than its author approved.

Which aliases are so guarded is a setting; none unless named. An approval is of a digest's version, once and for good: a
version never changes. The author of a version cannot approve it, whoever moves the alias.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from weir.registry.core.documents import Definition
from weir.registry.core.plan import ALIAS_MOVED, Change
from weir.registry.core.problems import CONFLICT, Problem

VersionKey = tuple[str, str, str]
"""Kind, name, version."""


def guarded(changes: Sequence[Change], aliases: Collection[str]) -> list[Change]:
    """The changes that move a guarded alias."""
    return [change for change in changes if change.change == ALIAS_MOVED and change.alias in aliases]


def unapproved(
    moves: Sequence[Change], approved: Collection[VersionKey], definitions: Sequence[Definition] = ()
) -> Iterator[Problem]:
    """A problem for each move to a version that nobody approved. definitions: the batch that the moves come from."""
    places = {(one.kind, one.name, one.version): one.index for one in definitions}
    for move in moves:
        key = move.kind, move.name, move.version
        if key not in approved:
            message = (
                f"alias {move.alias!r} moves under four eyes only, and nobody approved version {move.version!r}; store it"
                f" without the alias, let somebody else approve it (weir asset approve {' '.join(key)}), then move the alias"
            )
            yield Problem(places.get(key, 0), move.kind, move.name, "aliases", message, CONFLICT)


def own_work(key: VersionKey, author: str, approver: str) -> Problem | None:
    """What is wrong with an approval: its own author's is none."""
    if author != approver:
        return None
    kind, name, version = key
    message = f"{approver!r} wrote version {version!r} and cannot approve it; somebody else must"
    return Problem(0, kind, name, "author", message, CONFLICT)
