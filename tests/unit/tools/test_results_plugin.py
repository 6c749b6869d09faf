"""The results plugin in real runs of pytest: every outcome of a parameter is kept, with workers, over several runs."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from tools.capabilities.states import Outcome

ROOT = pathlib.Path(__file__).resolve().parents[3]
CONFTEST = """
import pathlib
from harness.results import Results

def pytest_configure(config):
    config.addinivalue_line("markers", "capability(*ids, is_check=False, clause=''): what the test proves")
    config.pluginmanager.register(Results(pathlib.Path("results.json").absolute()), "weir-results")
"""
PARAMETERS = """
import pytest

@pytest.mark.capability("D1", is_check=True)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_it(number):
    assert number != 2

@pytest.mark.capability("U2")
def test_skipped():
    pytest.skip("no")
"""
ENDING = """
import pytest

@pytest.fixture
def broken():
    yield
    raise OSError("gone")

@pytest.mark.capability("D5", is_check=True, clause="old trace")
def test_ends_badly(broken):
    pass
"""
UNKNOWN = """
import pytest

@pytest.mark.capability("U99")
def test_it():
    pass
"""

KEPT = ("capability", "node", "is_check", "clause", "outcome")


def run(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A whole run of pytest in a folder of its own."""
    environment = {**os.environ, "WEIR_WHOLE_RUN": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_outcome_is_kept_with_workers_and_a_second_run_adds_to_the_first(tmp_path: pathlib.Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_parameters.py").write_text(PARAMETERS)
    (tmp_path / "test_ending.py").write_text(ENDING)

    run(tmp_path, "test_parameters.py", "-n", "2")
    run(tmp_path, "test_ending.py")

    found = json.loads((tmp_path / "results.json").read_text())["capabilities"]
    assert [tuple(proof[name] for name in KEPT) for proof in found] == [
        ("D1", "test_parameters.py::test_it[1]", True, "", "passed"),
        ("D1", "test_parameters.py::test_it[2]", True, "", "failed"),
        ("D1", "test_parameters.py::test_it[3]", True, "", "passed"),
        ("D5", "test_ending.py::test_ends_badly", True, "old trace", "failed"),
        ("U2", "test_parameters.py::test_skipped", False, "", "skipped"),
    ]
    assert [Outcome(**proof).clause for proof in found] == ["", "", "", "old trace", ""]


@pytest.mark.slow
def test_an_unknown_id_ends_the_run(tmp_path: pathlib.Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_unknown.py").write_text(UNKNOWN)

    ran = run(tmp_path)

    assert ran.returncode == 4
    assert "test_unknown.py::test_it: a test names the unknown capabilities ['U99']" in ran.stderr
