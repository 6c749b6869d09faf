"""A bank read back from its bytes is the same bank; other bytes are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unit.drift.drift_traffic import Traffic, ties
from weir.detectors import archive
from weir.detectors.archive import Opened, SnapshotError, pack
from weir.detectors.bank import MonitoringBank, WarmingBank, new_bank, step_many
from weir.detectors.channels import CHANNELS
from weir.detectors.settings import BankSettings
from weir.detectors.snapshot import decode_state, encode_state
from weir.detectors.snapshot_fitted import decode_fitted, encode_fitted
from weir.detectors.snapshot_observations import decode_observations, encode_observations

SMALL = BankSettings(min_reference_events=60, reference_events=60, max_reference_events=80, session_capacity=8)


@pytest.mark.parametrize("cut", [0, 1, 37, 120, 205, 399])
def test_a_round_trip_in_mid_stream_changes_no_outcome(fitted_bank: MonitoringBank, cut: int) -> None:
    source = Traffic(60)
    events = [*source.events(200), *source.events(100, shift=4.0)]
    events += [source.event(shift=4.0, session=f"s{i % 30}") for i in range(100)]
    whole, expected = step_many(fitted_bank, events, ties(events))
    before, first = step_many(fitted_bank, events[:cut], ties(events[:cut]))
    assert isinstance(before, MonitoringBank)
    fitted = decode_fitted(encode_fitted(before.fitted))
    after, second = step_many(decode_state(encode_state(before), (), fitted), events[cut:], ties(events[cut:]))
    assert first + second == expected
    assert encode_state(after) == encode_state(whole)
    assert isinstance(after, MonitoringBank)
    assert encode_fitted(after.fitted) == encode_fitted(fitted_bank.fitted)


def test_a_warming_bank_is_rebuilt_from_its_pieces() -> None:
    source = Traffic(61)
    events = [source.event(embedded=i % 3 > 0, words=0 if i == 4 else None, session=f"s{i}") for i in range(70)]
    expected, told = step_many(new_bank(SMALL), events, ties(events))
    state, pieces = new_bank(SMALL), []
    for start in range(0, 40, 10):
        written = len(state.observations)
        batch = events[start : start + 10]
        state, _ = step_many(state, batch, ties(batch))  # type: ignore[assignment]  # 40 of 60 events: still warming
        assert isinstance(state, WarmingBank)
        pieces.append(encode_observations(state.observations[written:]))
    observations = [item for piece in pieces for item in decode_observations(piece)]
    read = decode_state(encode_state(state), observations, None)
    after, _ = step_many(read, events[40:], ties(events[40:]))
    assert encode_state(after) == encode_state(expected)


def test_observations_written_after_the_state_are_dropped() -> None:
    events = Traffic(62).events(5)
    state, _ = step_many(new_bank(SMALL), events[:3], ties(events[:3]))
    read = decode_state(encode_state(state), decode_observations(encode_observations(events)), None)
    assert isinstance(read, WarmingBank)
    assert [item.event_id for item in read.observations] == [item.event_id for item in events[:3]]


def test_too_few_observations_are_refused() -> None:
    events = Traffic(62).events(5)
    state, _ = step_many(new_bank(SMALL), events, ties(events))
    with pytest.raises(SnapshotError, match="had 5 observations, 4 were given"):
        decode_state(encode_state(state), events[:4], None)


def test_the_state_of_a_monitoring_bank_stays_small(fitted_bank: MonitoringBank) -> None:
    events = Traffic(63).events(100)
    state, _ = step_many(fitted_bank, events, ties(events))
    assert len(encode_state(state)) < 50_000


def test_a_missing_or_other_reference_is_refused(fitted_bank: MonitoringBank) -> None:
    content = encode_state(fitted_bank)
    with pytest.raises(SnapshotError, match="given is none"):
        decode_state(content, (), None)
    other = replace(fitted_bank.fitted, reference=replace(fitted_bank.fitted.reference, digest="another"))
    with pytest.raises(SnapshotError, match="given is another"):
        decode_state(content, (), other)


def test_a_reference_whose_digest_does_not_match_is_refused(fitted_bank: MonitoringBank) -> None:
    forged = replace(fitted_bank.fitted, reference=replace(fitted_bank.fitted.reference, digest="0" * 64))
    with pytest.raises(SnapshotError, match="its snapshot says 0000"):
        decode_fitted(encode_fitted(forged))


@pytest.mark.parametrize("content", [b"", b"not a zip", encode_observations(())])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(SnapshotError):
        decode_state(content, (), None)


def test_damaged_bytes_are_refused(fitted_bank: MonitoringBank) -> None:
    content = encode_state(fitted_bank)
    with pytest.raises(SnapshotError):
        decode_state(content[: len(content) // 2], (), fitted_bank.fitted)


def test_settings_of_another_version_are_refused() -> None:
    content = pack("state", {"settings": {"no_such_setting": 1}}, {})
    with pytest.raises(SnapshotError, match="do not fit this version"):
        decode_state(content, (), None)


def test_a_header_without_what_is_needed_is_refused() -> None:
    opened = Opened("state", pack("state", {"count": "three"}, {}))
    for read in (opened.integer, opened.texts, opened.numbers):
        with pytest.raises(SnapshotError, match="header field count is 'three'"):
            read("count")
    with pytest.raises(SnapshotError, match="header field phase is None"):
        opened.text("phase")
    with pytest.raises(SnapshotError, match="lacks the array means"):
        opened.f32("means")


def test_a_word_with_the_separator_is_refused() -> None:
    event = replace(Traffic(64).event(), words=("a\x1fb",))
    with pytest.raises(ValueError, match="unit separator"):
        encode_observations((event,))


def test_half_a_metric_of_another_size_is_refused() -> None:
    arrays = {f"calibration_{channel.name}": np.zeros(0) for channel in CHANNELS}
    arrays |= {"ewma_centre": np.zeros(3), "ewma_metric": np.zeros(9)}
    with pytest.raises(SnapshotError, match="has 9 numbers, expected those of one half of 3 x 3"):
        decode_fitted(pack("fitted", {"has_ewma": 1}, arrays))


def test_bytes_of_an_older_layout_are_refused(fitted_bank: MonitoringBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FORMAT", archive.FORMAT - 1)
    content = encode_state(fitted_bank)
    monkeypatch.undo()
    with pytest.raises(
        SnapshotError, match=r"format and kind \(2, 'state'\), expected \(3, 'state'\); start a new bank"
    ):
        decode_state(content, (), fitted_bank.fitted)
