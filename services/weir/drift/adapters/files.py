"""Files written whole or not at all, also when the machine loses power."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Make `content` the content of `path`: written beside it, synced, then renamed over it. Raises OSError."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync_folder(path.parent)


def write_at(path: Path, position: int, content: bytes) -> None:
    """Make `content` the end of `path` from byte `position` on, whatever stood there, and sync it. Raises OSError."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(position)
        file.seek(position)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
