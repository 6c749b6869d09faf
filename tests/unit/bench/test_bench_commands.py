"""What `make` runs can be started: every module that a target names is found with the variables that stand before it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from bench.silent_gateway import NoCapture
from harness.docs.pages import ROOT
from weir.gateway.calls.capture import SpoolCapture

LINE = re.compile(r"^\t@(?P<variables>(?:[A-Z_]+=\S+ )*)\$\(VENV\)/python -m (?P<module>[\w.]+)", re.MULTILINE)
MODULES: dict[str, list[str]] = {}
for found in LINE.finditer((ROOT / "Makefile").read_text()):
    MODULES.setdefault(found["variables"], []).append(found["module"])
WRITES = {"write_request", "write_end", "write_small_end", "write_refusal", "write_feedback", "shed"}


@pytest.mark.parametrize("variables", MODULES)
@pytest.mark.slow
def test_the_modules_that_make_runs_are_found(variables: str) -> None:
    given = dict(one.split("=", 1) for one in variables.split())
    own = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **given}
    look = f"import importlib\nfor name in {MODULES[variables]!r}:\n    importlib.import_module(name)"

    done = subprocess.run([sys.executable, "-c", look], env=own, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_benchmarks_gateway_that_writes_nothing_forgets_every_kind_of_record() -> None:
    public = {name for name in vars(SpoolCapture) if not name.startswith("_")}

    assert public - set(vars(NoCapture)) == {
        "numbers_used",
        "write_head",
        "write_gap",
    }  # they write what was used, which is nothing
    assert set(vars(NoCapture)) & public == WRITES
