"""How many calls may be in flight: a count with a limit, and no queue behind it.

A queue in front of a full model server adds delay and then refuses anyway; the client knows better what to do with a
refusal that comes at once.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Gate:
    """Lets `limit` callers in at a time."""

    limit: int
    """Callers inside at a time, at least 1."""
    inside: int = 0
    """Callers inside now."""

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"a gate with limit {self.limit} lets no one in; set 1 or more")

    def enter(self) -> bool:
        """True when the caller is in and must `leave()` later; False when the gate is full."""
        if self.inside >= self.limit:
            return False
        self.inside += 1
        return True

    def leave(self) -> None:
        """One caller is out. Raises ValueError when none was in."""
        if self.inside == 0:
            raise ValueError("leave() without enter(); each enter() that returned True is left exactly once")
        self.inside -= 1
