"""A bank fitted to synthetic traffic once for the whole run."""

from __future__ import annotations

import pytest

from unit.drift.drift_traffic import Traffic, ties
from weir.detectors.bank import MonitoringBank, new_bank, step_many
from weir.detectors.settings import BankSettings


@pytest.fixture(scope="session")
def settings() -> BankSettings:
    return BankSettings(reference_events=1_000)


@pytest.fixture(scope="session")
def fitted_bank(settings: BankSettings) -> MonitoringBank:
    """A bank that has just frozen its reference of 1,000 events."""
    events = Traffic(seed=1).events(settings.reference_events)
    state, _ = step_many(new_bank(settings), events, ties(events))
    assert isinstance(state, MonitoringBank)
    return state
