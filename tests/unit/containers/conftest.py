"""Programs of the machine, as small scripts in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Script = Callable[[Path, str, str], None]


@pytest.fixture
def script() -> Script:
    """Writes a program: its folder, its name, its lines for the shell."""

    def write(folder: Path, name: str, lines: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{lines}\n")
        (folder / name).chmod(0o755)

    return write
