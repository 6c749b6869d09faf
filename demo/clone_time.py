"""How long ago this checkout was cloned, where that can be told and the clone is fresh."""

from __future__ import annotations

from pathlib import Path

FRESH_S = 3_600.0
"""Age up to which a checkout counts as a fresh clone, seconds. Chosen: installation takes minutes, not an hour."""


def clone_time_s(repository: Path, given: str) -> float | None:
    """Unix time of the clone: `given` if set, else when git wrote `.git/description`, which nothing touches later.

    None where neither exists (a worktree, an unpacked archive).
    """
    if given:
        return float(given)
    written_once = repository / ".git" / "description"
    return written_once.stat().st_mtime if written_once.is_file() else None


def seconds_since_clone(cloned_s: float | None, now_s: float) -> float | None:
    """Age of the clone in seconds; None when unknown or when the checkout is no fresh clone."""
    if cloned_s is None or not 0 <= now_s - cloned_s <= FRESH_S:
        return None
    return now_s - cloned_s
