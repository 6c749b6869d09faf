"""The drain rests in proportion to its work, and never for long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.capture.drain import REST_S_MAX, rest_s
from weir.gateway.settings import SpoolSettings
from weir.runtime.files.one_owner import OneOwner
from weir.runtime.process import EXIT_BAD_SETTING

WORKED_S = st.floats(0.0, 1_000.0)
SHARES = st.floats(0.01, 1.0)


@given(WORKED_S, SHARES)
def test_work_is_the_share_of_the_time_unless_the_rest_would_be_long(worked_s: float, share: float) -> None:
    rest = rest_s(worked_s, share)

    assert 0.0 <= rest <= REST_S_MAX
    assert worked_s >= share * (worked_s + rest) - 1e-9
    if rest < REST_S_MAX:
        assert worked_s == pytest.approx(share * (worked_s + rest))


def test_the_whole_time_is_no_rest() -> None:
    assert rest_s(7.0, 1.0) == 0.0


def test_two_fifths_of_the_time_rest_half_as_long_again() -> None:
    assert rest_s(0.1, 0.4) == pytest.approx(0.15)


@pytest.mark.slow
def test_a_second_drain_of_one_spool_refuses_to_start(tmp_path: Path) -> None:
    settings = SpoolSettings(data_dir=tmp_path, instance="x")
    owner = OneOwner(settings.spool_dir / "drain.lock", "taken")
    environment = {**os.environ, "WEIR_DATA_DIR": str(tmp_path), "WEIR_INSTANCE": "x"}

    ran = subprocess.run(
        [sys.executable, "-m", "weir.gateway.drain"], env=environment, capture_output=True, text=True, check=False
    )
    owner.close()

    assert ran.returncode == EXIT_BAD_SETTING
    assert "another drain empties" in ran.stderr
