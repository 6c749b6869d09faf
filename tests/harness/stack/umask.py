"""The umask of another process, as Linux tells it."""

from __future__ import annotations

from pathlib import Path


def umask_of(pid: int) -> int:
    """What the files of a process do not let others do. Raises OSError where there is no such process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith("Umask:"))
    return int(mask, 8)
