"""Laws of the bank: batching changes nothing, steady traffic is silent, a change is told once a level, then cleared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bench.observed_text import observe
from unit.drift.drift_banks import bank_bytes
from unit.drift.drift_traffic import Traffic, facts_of, outcomes_of, ties
from weir.detectors.bank import (
    BankState,
    MonitoringBank,
    WarmingBank,
    new_bank,
    reset,
    step_many,
)  # fmt: skip
from weir.detectors.channels import CHANNELS
from weir.detectors.fitted import Fitted
from weir.detectors.observation import EmbeddingMismatch, Observation
from weir.detectors.outcomes import Cleared, Frozen, Guarantee, Outcome, Signal, Warming
from weir.detectors.settings import BankSettings
from weir.detectors.step import NO_P, Step

SMALL = BankSettings(min_reference_events=60, reference_events=60, max_reference_events=80)


def _run(state: BankState, events: list[Observation]) -> tuple[BankState, tuple[Outcome, ...]]:
    state, steps = step_many(state, events, ties(events))
    return state, outcomes_of(steps)


def _mixed(seed: int, count: int) -> list[Observation]:
    """Traffic with sessions, missing embeddings and empty texts, that changes half way."""
    source, rng = Traffic(seed), np.random.default_rng(seed)
    return [
        source.event(
            shift=6.0 if i > count // 2 else 0.0,
            session=f"s{rng.integers(40)}" if rng.random() < 0.5 else "",
            embedded=bool(rng.random() < 0.8),
            words=0 if rng.random() < 0.05 else None,
        )
        for i in range(count)
    ]


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 90), min_size=1, max_size=8), st.integers(0, 3))
@pytest.mark.slow
def test_any_batching_gives_the_same_state_and_steps(fitted_bank: MonitoringBank, sizes: list[int], seed: int) -> None:
    events = _mixed(100 + seed, 200)
    single: BankState = fitted_bank
    expected: list[Step] = []
    for event, tie in zip(events, ties(events), strict=True):
        single, made = step_many(single, (event,), (tie,))
        expected.extend(made)
    batched: BankState = fitted_bank
    found: list[Step] = []
    left = events
    for size in [*sizes, len(events)]:
        batched, made = step_many(batched, left[:size], ties(left[:size]))
        found.extend(made)
        left = left[size:]
    assert [facts_of(one) for one in found] == [facts_of(one) for one in expected]
    assert bank_bytes(batched) == bank_bytes(single)


@pytest.mark.slow
def test_a_batch_may_span_the_end_of_the_warm_up() -> None:
    events = Traffic(40).events(100)
    at_once, told_at_once = _run(new_bank(SMALL), events)
    first, told_first = _run(new_bank(SMALL), events[:59])
    second, told_second = _run(first, events[59:])
    assert isinstance(first, WarmingBank)
    assert told_at_once == told_first + told_second
    assert bank_bytes(at_once) == bank_bytes(second)


def test_an_event_of_the_reference_has_no_p_values_and_a_monitored_one_is_what_the_bank_remembers() -> None:
    events = Traffic(40).events(70)
    state, steps = step_many(new_bank(SMALL), events, ties(events))
    assert isinstance(state, MonitoringBank)
    assert [(one.index, one.p.size) for one in steps[:60]] == [(0, NO_P.size)] * 60
    remembered = [(one.event_id, one.index, one.p.tobytes()) for one in state.monitor.recent]
    assert [facts_of(one)[:3] for one in steps[60:]] == remembered


def test_warming_counts_to_the_frozen_reference() -> None:
    state, told = _run(new_bank(SMALL), Traffic(41).events(60))
    assert isinstance(state, MonitoringBank)
    assert told[:-1] == tuple(Warming(n, 60, 1) for n in range(1, 60))
    assert told[-1] == Frozen(60, 1, (), ("language", "completeness"))


def test_scarce_embeddings_warm_longer_then_do_without_their_parts() -> None:
    source = Traffic(42)
    events = [source.event(embedded=i % 2 == 0) for i in range(80)]
    state, told = _run(new_bank(SMALL), events)
    assert isinstance(state, MonitoringBank)
    assert isinstance(told[-1], Frozen)
    assert (told[-1].events, told[-1].inactive_parts) == (80, ("knn-novelty", "mean-ewma"))
    shorter = [source.event(words=200) for _ in range(60)]
    _, told = _run(state, shorter)
    assert [item.level for item in told if isinstance(item, Signal)] == ["warn", "page"]


@pytest.mark.capability("X2")
@pytest.mark.capability("O6")
@pytest.mark.slow
def test_steady_traffic_is_silent(fitted_bank: MonitoringBank) -> None:
    _, told = _run(fitted_bank, Traffic(43).events(4_000))
    assert told == ()


@pytest.mark.capability("O6", is_check=True, clause="ramp and quiet")
@pytest.mark.slow
def test_a_slow_ramp_is_found_while_steady_traffic_stays_quiet(
    fitted_bank: MonitoringBank,
) -> None:
    """Over 1,500 events the share of other texts grows from none to three in four; beside it 4,000 events as before."""
    ramp, steady = Traffic(77), Traffic(43)
    calm, grows = 300, 1_500
    share = np.random.default_rng(5).random(grows) < 0.75 * np.arange(grows) / grows
    events = [*ramp.events(calm), *(ramp.event(shift=4.0 if is_other else 0.0) for is_other in share)]

    _, quiet = _run(fitted_bank, steady.events(4_000))
    _, told = _run(fitted_bank, events)

    assert quiet == ()
    page = next(item for item in told if isinstance(item, Signal) and item.level == "page")
    assert calm < page.index <= calm + grows
    assert page.arl_events == fitted_bank.settings.page_arl_events == 100_000.0


@pytest.mark.capability("X2")
@pytest.mark.capability("O6")
def test_a_shifted_mean_is_found_soon_and_told_once_per_level(fitted_bank: MonitoringBank) -> None:
    source = Traffic(44)
    state, told = _run(fitted_bank, [*source.events(200), *source.events(600, shift=4.0)])
    assert [item.level for item in told if isinstance(item, Signal)] == ["warn", "page"]
    warn, page = told
    assert isinstance(warn, Signal)
    assert isinstance(page, Signal)
    assert 200 < warn.index <= 215
    assert warn.index < page.index <= 300
    assert (page.part, page.guarantee, page.direction) == ("knn-novelty", Guarantee.THEOREM, "higher")
    assert page.statistic >= page.threshold == page.arl_events == 100_000.0
    assert page.reference_version == fitted_bank.fitted.reference.version
    assert isinstance(state, MonitoringBank)


def test_a_signal_points_at_the_change_and_its_events(fitted_bank: MonitoringBank) -> None:
    source = Traffic(45)
    events = [*source.events(150), *source.events(60, words_from=1_900, shift=5.0)]
    _, steps = step_many(fitted_bank, events, ties(events))
    assert outcomes_of(steps)
    for at, signal in [(found, outcome) for found in steps for outcome in found.outcomes]:
        assert isinstance(signal, Signal)
        assert 130 <= signal.since_index <= signal.index
        assert signal.since_time_us <= at.observation.event_time_us
        assert (at.index, at.observation) == (signal.index, events[signal.index - 1])
        changed = {event.event_id for event in events[150:]}
        examples = [event_id in changed for event_id in signal.example_event_ids]
        assert examples[0]
        assert sum(examples) >= len(examples) - 1


def test_a_moved_mean_below_the_novelty_of_single_events_warns_by_simulation(fitted_bank: MonitoringBank) -> None:
    source = Traffic(46)
    _, told = _run(fitted_bank, source.events(300, shift=1.0))
    assert isinstance(told[0], Signal)
    assert (told[0].level, told[0].guarantee, told[0].direction) == ("warn", Guarantee.SIMULATION, "moved")
    assert told[0].part.startswith("mean-ewma-0.")
    assert told[0].example_event_ids


@pytest.mark.slow
def test_an_alarm_clears_page_first_and_may_come_again(settings: BankSettings, fitted_bank: MonitoringBank) -> None:
    quick = replace(fitted_bank, settings=replace(settings, clear_after_events=50))
    source = Traffic(47)
    changed = source.events(60, shift=6.0)
    state, told = _run(quick, [*changed, *source.events(900)])
    assert [type(item) for item in told] == [Signal, Signal, Cleared, Cleared]
    cleared = [item for item in told if isinstance(item, Cleared)]
    assert [item.level for item in cleared] == ["page", "warn"]
    assert cleared[1].raised_index == told[0].index  # type: ignore[union-attr]  # told[0] is a Signal, asserted above
    _, again = _run(state, source.events(60, shift=6.0))
    assert [item.level for item in again if isinstance(item, Signal)] == ["warn", "page"]


def test_one_turn_of_a_session_enters_the_alarm_path(fitted_bank: MonitoringBank) -> None:
    source = Traffic(48)
    state, told = _run(fitted_bank, [source.event(shift=6.0, session="one long session") for _ in range(300)])
    assert isinstance(state, MonitoringBank)
    assert (state.monitor.index, told) == (1, ())


def test_resetting_keeps_the_reference_and_a_new_bank_warms_the_version_asked_for(fitted_bank: MonitoringBank) -> None:
    source = Traffic(49)
    alarmed, _ = _run(fitted_bank, source.events(100, shift=6.0))
    assert isinstance(alarmed, MonitoringBank)
    assert alarmed.monitor.page.raised
    calm = reset(alarmed)
    assert (calm.monitor.index, calm.monitor.page.raised) == (0, False)
    assert calm.fitted is alarmed.fitted
    warming = new_bank(alarmed.settings, version=2)
    assert (warming.version, warming.observations) == (2, ())


def test_another_embedding_model_is_refused_and_changes_nothing(fitted_bank: MonitoringBank) -> None:
    other = observe("hello", event_id="e9", embedding=np.ones(3, dtype=np.float32))
    before = bank_bytes(fitted_bank)
    with pytest.raises(EmbeddingMismatch, match="event e9"):
        step_many(fitted_bank, (other,), (0.5,))
    assert bank_bytes(fitted_bank) == before
    warming, _ = _run(new_bank(SMALL), Traffic(50).events(3))
    with pytest.raises(EmbeddingMismatch, match="event e9"):
        step_many(warming, (other,), (0.5,))
    assert step_many(new_bank(SMALL), (other,), (0.5,))[1], "the first embedding decides"


def test_each_observation_needs_its_uniform(fitted_bank: MonitoringBank) -> None:
    with pytest.raises(ValueError, match="1 observations came with 2 uniforms"):
        step_many(fitted_bank, Traffic(51).events(1), [0.5, 0.5])


@pytest.mark.capability("O6")
@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("template", {"prefix": "word9 word3 word7 word5 "}),
        ("completeness", {"embedded": False}),
        ("refusal", {"refusal_share": 0.6}),
    ],
)
def test_each_special_change_is_told_by_its_channel(
    fitted_bank: MonitoringBank, part: str, change: dict[str, float]
) -> None:
    source = Traffic(52)
    _, told = _run(fitted_bank, [*source.events(100), *source.events(80, **change)])
    signals = [item for item in told if isinstance(item, Signal)]
    assert signals
    assert {signal.part for signal in signals} == {part}
    assert all(signal.index > 100 for signal in signals)


def test_a_shown_channel_never_fires(fitted_bank: MonitoringBank) -> None:
    state, told = _run(fitted_bank, Traffic(53).events(300, slower=20.0))
    assert told == ()
    assert isinstance(state, MonitoringBank)
    latency = [channel.name for channel in CHANNELS].index("latency")
    assert state.monitor.detector.wealth[latency].max() > 100_000.0


def test_the_weights_of_what_takes_part_sum_to_one(fitted_bank: MonitoringBank) -> None:
    fitted = fitted_bank.fitted
    assert fitted.weights.sum() == pytest.approx(1.0)
    without = Fitted(fitted.reference, (fitted.calibrations[0][:0], *fitted.calibrations[1:]), None)
    assert without.weights.sum() == pytest.approx(1.0)
    assert without.weights[0].sum() == 0.0
    for channel, weights, slack in zip(CHANNELS, fitted.weights, fitted.slack, strict=True):
        assert (weights[1] > 0.0) == (channel.two_sided and channel.weight > 0.0)
        assert np.isnan(slack[1]) == (not channel.two_sided)
