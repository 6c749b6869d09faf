"""docs/capabilities.md is what docs/capabilities.yaml and the tests' marks give; `make test` compares it with what ran."""

from __future__ import annotations

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_committed_page_is_the_one_of_the_list_and_the_marks() -> None:
    command = [sys.executable, "-m", "tools.capabilities", "--expected", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
