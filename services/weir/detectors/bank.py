"""The bank: all detectors of one monitored stream, as a state and a step.

    state = new_bank(BankSettings())
    state, steps = step_many(state, observations, [uniform_of(one.event_id, "ties") for one in observations])

A new bank is *warming*: it collects its reference. The event that completes it fits the thresholds (seconds, once) and
from then on the bank is *monitoring*. `reset` forgets an alarm and keeps the reference; to take a change for the new
normal, a new bank under the next version is begun.

Order of one event: its session decides whether it enters at all; each channel scores it; conformal p-values feed the
e-bank and the whitened embedding the mean EWMA; alarm states turn statistics into at most one signal per level.

The alarm unit is the stream (tenant, route), not its releases: a release that behaves otherwise must alarm against what
was normal before it, and a reference of its own would first warm on its own mistakes. The alert says
which release holds the evidence: the service keeps what each call was pinned to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from weir.detectors.channels.knn_novelty import require_length
from weir.detectors.explain import outcomes_of
from weir.detectors.fitted import Fitted, fit, fitted_piece, p_values_of, whitened_of
from weir.detectors.monitor import Monitor, Scored, new_monitor, observe_many
from weir.detectors.observation import Observation, observations_piece
from weir.detectors.outcomes import Frozen, Warming
from weir.detectors.reference import build_reference
from weir.detectors.sessions import Sessions, choose, new_sessions
from weir.detectors.settings import BankSettings
from weir.detectors.step import NO_P, Step
from weir.state import Apart

CHUNK_EVENTS = 64
"""Events whose arrays are held at a time (chosen: the gain of batching is complete, the arrays stay below 2 MB)."""


@dataclass(frozen=True, slots=True, eq=False)
class WarmingBank:
    """Collecting the reference `version`; `observations` in order of arrival, at most `max_reference_events`."""

    settings: BankSettings
    version: int
    observations: Annotated[tuple[Observation, ...], Apart(observations_piece)]
    sessions: Sessions


@dataclass(frozen=True, slots=True, eq=False)
class MonitoringBank:
    """Comparing with `fitted`."""

    settings: BankSettings
    fitted: Annotated[Fitted, Apart(fitted_piece)]
    monitor: Monitor
    sessions: Sessions


BankState = WarmingBank | MonitoringBank


def new_bank(settings: BankSettings, version: int = 1) -> WarmingBank:
    """A bank that has seen nothing."""
    return WarmingBank(settings, version, (), new_sessions(settings.session_capacity))


def reset(state: MonitoringBank) -> MonitoringBank:
    """The alarm was false or is dealt with: statistics and alarms start again against the same reference."""
    return replace(state, monitor=new_monitor(state.fitted))


def step_many(
    state: BankState, observations: Sequence[Observation], uniforms: Sequence[float]
) -> tuple[BankState, tuple[Step, ...]]:
    """The bank after the events, and a step for each; none for a turn that its session leaves out. However events are cut into
    calls, states and steps are the same to the last bit. `uniforms`, strictly between 0 and 1, break ties of their events
    (`uniform_of` the id).

    Raises EmbeddingMismatch, the state unchanged, for an embedding of another length. Cost: 144 us measured for one event
    with N = 2,000 and d = 384 (53 us in batches of 64), of which 33 us are the product with the reference and 6 that with
    the metric; some 10 % more on a busy machine. Except for the one event that completes the reference: about 1 to 3
    CPU-seconds.
    """
    if len(observations) != len(uniforms):
        raise ValueError(f"{len(observations)} observations came with {len(uniforms)} uniforms; pass one each")
    steps: list[Step] = []
    done = 0
    while isinstance(state, WarmingBank) and done < len(observations):
        state, collected = _warm(state, observations[done])
        steps.extend(collected)
        done += 1
    if isinstance(state, MonitoringBank) and done < len(observations):
        state, watched = _watch(state, observations[done:], uniforms[done:])
        steps.extend(watched)
    return state, tuple(steps)


def _warm(state: WarmingBank, observation: Observation) -> tuple[BankState, tuple[Step, ...]]:
    settings = state.settings
    sessions, enters = choose(state.sessions, observation, settings.turn_probability)
    if not enters:
        return replace(state, sessions=sessions), ()
    dimensions = next((item.embedding.size for item in state.observations if item.embedding is not None), None)
    if dimensions is not None and observation.embedding is not None:
        require_length(observation.embedding, dimensions, observation.event_id)
    observations = (*state.observations, observation)
    if not _complete(observations, settings):
        needed = max(settings.reference_events, len(observations))
        warming = Warming(len(observations), needed, state.version)
        return WarmingBank(settings, state.version, observations, sessions), (Step(observation, 0, NO_P, (warming,)),)
    fitted = fit(build_reference(observations, state.version), settings)
    frozen = Frozen(len(observations), state.version, fitted.inactive_parts, fitted.constant_parts)
    return MonitoringBank(settings, fitted, new_monitor(fitted), sessions), (Step(observation, 0, NO_P, (frozen,)),)


def _complete(observations: tuple[Observation, ...], settings: BankSettings) -> bool:
    if len(observations) < settings.reference_events:
        return False
    embedded = sum(observation.embedding is not None for observation in observations)
    return embedded >= settings.min_reference_events or len(observations) >= settings.max_reference_events


def _watch(
    state: MonitoringBank, observations: Sequence[Observation], uniforms: Sequence[float]
) -> tuple[MonitoringBank, list[Step]]:
    settings, fitted = state.settings, state.fitted
    sessions, entered = state.sessions, []
    for observation, uniform in zip(observations, uniforms, strict=True):
        sessions, enters = choose(sessions, observation, settings.turn_probability)
        if enters:
            entered.append((observation, uniform))
    monitor, steps = state.monitor, list[Step]()
    for start in range(0, len(entered), CHUNK_EVENTS):
        chunk = entered[start : start + CHUNK_EVENTS]
        observed, first = [item for item, _ in chunk], monitor.index + 1
        memory, entering, p = p_values_of(fitted, monitor.memory, observed, [uniform for _, uniform in chunk])
        scored = Scored(observed, p, whitened_of(fitted, observed, entering), memory)
        monitor, changes = observe_many(monitor, scored, fitted, settings)
        outcomes = {one.after.index: outcomes_of(one, fitted, settings) for one in changes}
        steps += [Step(item, i, p[i - first], outcomes.get(i, ())) for i, item in enumerate(observed, first)]
    return MonitoringBank(settings, fitted, monitor, sessions), steps
