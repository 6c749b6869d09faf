"""Drift settings: what is promised by default, and what is refused at the start."""

from __future__ import annotations

import pytest

from weir.detectors.settings import BankSettings
from weir.drift.settings import DriftSettings
from weir.runtime.errors import BadSetting


def test_the_defaults_are_those_of_a_bank() -> None:
    assert DriftSettings().bank() == BankSettings()


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_DRIFT_REFERENCE_EVENTS", "1000")
    monkeypatch.setenv("WEIR_DATA_DIR", "elsewhere")

    assert DriftSettings().bank().reference_events == 1_000
    assert DriftSettings().checkpoint_dir.as_posix() == "elsewhere/drift/checkpoints"


def test_settings_that_void_the_promise_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_DRIFT_REFERENCE_EVENTS", "10")

    with pytest.raises(BadSetting, match="WEIR_DRIFT.*10"):
        DriftSettings().bank()
