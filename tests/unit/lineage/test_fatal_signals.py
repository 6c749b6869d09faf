"""A fatal signal ends the process that holds the embedded engine, whichever library it came from."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.capability("X1")

ABORTED_IN_A_THREAD = """
import ctypes, sys, threading
from weir.lineage.store import fatal_signals
from weir.lineage.store.store import Store
from weir.lineage.settings import LineageSettings

store = Store(LineageSettings())
fatal_signals.end_the_process()
assert store.rows("SELECT 1 AS one") == [{"one": 1}]
dying = threading.Thread(target=ctypes.CDLL(None).abort, daemon=True)
dying.start()
dying.join(20)
store.rows("SELECT 1")
sys.exit(3)
"""


@pytest.mark.slow
def test_a_library_that_aborts_takes_the_process_with_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABORTED_IN_A_THREAD],
        env={"WEIR_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == -signal.SIGABRT, done.stdout + done.stderr
    assert "Fatal Python error: Aborted" in done.stderr
