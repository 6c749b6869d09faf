"""A bank read back from its bytes is the same bank; other bytes are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unit.drift.drift_banks import BANK, WARMING, changed
from unit.drift.drift_traffic import Traffic, facts_of, ties
from weir.detectors.bank import MonitoringBank, WarmingBank, new_bank, step_many
from weir.detectors.fitted import FITTED, NAMES, fitted_piece
from weir.detectors.observation import OBSERVATIONS
from weir.detectors.settings import BankSettings
from weir.state import StateError

SMALL = BankSettings(min_reference_events=60, reference_events=60, max_reference_events=80, session_capacity=8)


@pytest.mark.parametrize("cut", [0, 1, 37, 120, 205, 399])
@pytest.mark.slow
def test_a_round_trip_in_mid_stream_changes_no_step(fitted_bank: MonitoringBank, cut: int) -> None:
    source = Traffic(60)
    events = [*source.events(200), *source.events(100, shift=4.0)]
    events += [source.event(shift=4.0, session=f"s{i % 30}") for i in range(100)]
    whole, expected = step_many(fitted_bank, events, ties(events))
    before, first = step_many(fitted_bank, events[:cut], ties(events[:cut]))
    assert isinstance(before, MonitoringBank)
    fitted = FITTED.decode(FITTED.encode(before.fitted))
    read = BANK.decode(BANK.encode(before), lambda name: fitted)
    after, second = step_many(read, events[cut:], ties(events[cut:]))
    assert [facts_of(one) for one in first + second] == [facts_of(one) for one in expected]
    assert isinstance(after, MonitoringBank)
    assert isinstance(whole, MonitoringBank)
    assert BANK.encode(after) == BANK.encode(whole)
    assert FITTED.encode(after.fitted) == FITTED.encode(fitted_bank.fitted)


def test_a_warming_bank_is_rebuilt_from_its_pieces() -> None:
    source = Traffic(61)
    events = [source.event(embedded=i % 3 > 0, words=0 if i == 4 else None, session=f"s{i}") for i in range(70)]
    expected, _ = step_many(new_bank(SMALL), events, ties(events))
    state, pieces = new_bank(SMALL), []
    for start in range(0, 40, 10):
        written = len(state.observations)
        batch = events[start : start + 10]
        state, _ = step_many(state, batch, ties(batch))  # type: ignore[assignment]  # 40 of 60 events: still warming
        assert isinstance(state, WarmingBank)
        pieces.append(OBSERVATIONS.encode(state.observations[written:]))
    observations = tuple(item for piece in pieces for item in OBSERVATIONS.decode(piece))
    read = WARMING.decode(WARMING.encode(state), lambda name: observations)
    after, _ = step_many(read, events[40:], ties(events[40:]))
    assert isinstance(after, WarmingBank)
    assert isinstance(expected, WarmingBank)
    assert WARMING.encode(after) == WARMING.encode(expected)
    assert OBSERVATIONS.encode(after.observations) == OBSERVATIONS.encode(expected.observations)


@pytest.mark.parametrize("count", [0, 4, 6])
def test_too_few_or_too_many_observations_are_refused(count: int) -> None:
    events = Traffic(62).events(6)
    state, _ = step_many(new_bank(SMALL), events[:5], ties(events[:5]))
    assert isinstance(state, WarmingBank)
    with pytest.raises(StateError, match=rf"piece warming-\w+-5 is wanted, given was warming-\w+-{count}"):
        WARMING.decode(WARMING.encode(state), lambda name: tuple(events[:count]))


def test_the_state_of_a_monitoring_bank_stays_small(fitted_bank: MonitoringBank) -> None:
    events = Traffic(63).events(100)
    state, _ = step_many(fitted_bank, events, ties(events))
    assert isinstance(state, MonitoringBank)
    assert len(BANK.encode(state)) < 50_000


def test_a_missing_or_other_reference_is_refused(fitted_bank: MonitoringBank) -> None:
    content = BANK.encode(fitted_bank)
    with pytest.raises(StateError, match="none was given"):
        BANK.decode(content)
    other = replace(fitted_bank.fitted, reference=replace(fitted_bank.fitted.reference, version=7))
    with pytest.raises(StateError, match="is wanted, given was reference-7-"):
        BANK.decode(content, lambda name: other)


def test_a_reference_with_other_contents_has_another_name(fitted_bank: MonitoringBank) -> None:
    content = FITTED.encode(fitted_bank.fitted)
    forged = FITTED.decode(changed(content, b'"version":1,"embeddings"', b'"version":2,"embeddings"'))
    assert fitted_piece(forged) != fitted_piece(fitted_bank.fitted)


def test_a_reference_of_other_channels_is_refused(fitted_bank: MonitoringBank) -> None:
    content = FITTED.encode(fitted_bank.fitted)
    other = changed(content, f'"{NAMES[0]}"'.encode(), f'"{"x" * len(NAMES[0])}"'.encode())
    with pytest.raises(StateError, match="fitted for the channels"):
        FITTED.decode(other)


@pytest.mark.parametrize("content", [b"", b"not a state", OBSERVATIONS.encode(())])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(StateError):
        WARMING.decode(content)


def test_damaged_bytes_are_refused(fitted_bank: MonitoringBank) -> None:
    content = BANK.encode(fitted_bank)
    with pytest.raises(StateError):
        BANK.decode(content[: len(content) // 2], lambda name: fitted_bank.fitted)


def test_settings_of_another_version_are_refused(fitted_bank: MonitoringBank) -> None:
    content = changed(BANK.encode(fitted_bank), b'"seed":', b'"sown":')
    with pytest.raises(StateError, match="settings.sown: Unexpected keyword argument|settings.seed"):
        BANK.decode(content, lambda name: fitted_bank.fitted)


def test_settings_that_a_bank_no_longer_accepts_are_refused(fitted_bank: MonitoringBank) -> None:
    content = changed(BANK.encode(fitted_bank), b'"turn_probability":0.5', b'"turn_probability":9.5')
    with pytest.raises(StateError, match="turn_probability is 9.5"):
        BANK.decode(content, lambda name: fitted_bank.fitted)
