"""Stream: all that is known of the pass/fail scores of one (tenant, route, part), and its step.

    state, outcomes = step(state, score, settings)
    state, outcomes = step_anchor(state, anchor, settings)

A part is an evaluator under one digest, or a way in which calls end badly. Warming: the first `reference_scores` scores
make the baseline. Monitoring: every score bets against it. One step takes about 0.1 ms and the state about
12 kB, and with the 194 anchors that are shipped 15 kB more at first and 27 kB more in the long run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from weir.detectors.alarm_state import AlarmState, advance
from weir.detectors.outcomes import AlarmLevel
from weir.detectors.scores.baseline import HOPELESS, Baseline, collected, followed, forgetting_waiting, rate
from weir.detectors.scores.bets import WEALTH_MAX_FACTOR, Wealth, factors, update
from weir.detectors.scores.judge import PASSES, Judge, forgetting, is_known, noise_of, scored, usual_history
from weir.detectors.scores.level import Levels, levels_observed
from weir.detectors.scores.outcomes import (
    Cleared,
    Fired,
    JudgeCleared,
    JudgeFired,
    Monitoring,
    Outcome,
    Warming,
)
from weir.detectors.scores.sample import Sample, chosen
from weir.detectors.scores.score import AnchorScore, Score
from weir.detectors.scores.settings import QualitySettings
from weir.detectors.scores.trial import GUARD_S, Trial, Verdict, decided, heard
from weir.state import Codec

JUDGE_CLEAR_AFTER_ANCHORS = 100
"""Quiet anchors that end an alarm on the judge. Chosen: most of the 120 that are shipped are seen once more."""


@dataclass(frozen=True, slots=True)
class StreamKey:
    """part: the evaluator's name, or `outcome-failed` and its like. digest: of the evaluator, or empty."""

    tenant: str
    route: str
    part: str
    digest: str


@dataclass(frozen=True, slots=True)
class ScoreStream:
    """version: of the reference. scores: that entered, over all versions; `scores_before`: before this version."""

    key: StreamKey
    version: int = 1
    scores: int = 0
    scores_before: int = 0
    reference: Baseline = Baseline()
    baseline: Baseline = Baseline()
    wealth: Wealth = Wealth()
    levels: Levels = Levels()
    sample: Sample = Sample()
    warn: AlarmState = AlarmState()
    page: AlarmState = AlarmState()
    trial: Trial | None = None
    verdict: Verdict | None = None
    alarm_request_id: str = ""
    """Call at which the alarm that is on was last raised or became a page; empty where none is on."""
    judge: Judge = Judge()
    judge_alarm: AlarmState = AlarmState()
    first_us: int = 0
    last_us: int = 0

    @property
    def is_warming(self) -> bool:
        """Whether the reference is not yet complete."""
        return self.reference.count == 0


def _renamed(state: dict[str, Any]) -> dict[str, Any]:
    """Layout 4 of a state of layout 3, which called a field by another name."""
    state["judge_alarm"] = state.pop("judge_latch")
    return state


STREAM = Codec(ScoreStream, "quality-stream", layout=4, migrations={3: _renamed})
"""A state as bytes, 12 kB to 39 kB."""


def step(state: ScoreStream, score: Score, settings: QualitySettings) -> tuple[ScoreStream, list[Outcome], str]:
    """The state and the outcomes after one score, and why it did not count: see `sample`; empty when it did."""
    sample, reason = chosen(state.sample, score, settings.turn_probability, settings.remembered)
    state = replace(state, sample=sample)
    if reason:
        return state, [], reason
    levels = levels_observed(
        state.levels,
        passed=not score.is_bad,
        value=score.value,
        alpha=settings.level_alpha,
        block=settings.level_scores,
    )
    last_us = max(state.last_us, score.event_time_us)
    first_us = state.first_us or score.event_time_us
    state = replace(state, levels=levels, scores=state.scores + 1, first_us=first_us, last_us=last_us)
    after, outcomes = _collect(state, score, settings) if state.is_warming else _monitor(state, score, settings)
    return after, outcomes, ""


def step_anchor(
    state: ScoreStream, anchor: AnchorScore, settings: QualitySettings
) -> tuple[ScoreStream, list[Outcome]]:
    """The state and the outcomes after one re-scored anchor. An anchor seen before changes nothing."""
    as_score = Score(anchor.event_id, anchor.cause_id, "", "", anchor.event_time_us, is_bad=False, value=0.0,
                     inclusion_probability=1.0)  # fmt: skip
    sample, reason = chosen(state.sample, as_score, 1.0, settings.remembered)
    if reason:
        return state, []
    state = replace(state, sample=sample, trial=_heard(state, anchor))
    quiet = not state.warn.raised and not state.judge_alarm.raised
    judge = scored(
        state.judge,
        anchor,
        teaches=quiet,
        is_warming=state.is_warming,
        anchors_min=settings.anchors_min,
        wealth_max=WEALTH_MAX_FACTOR * settings.warn_arl_scores,
    )
    state, moved = _judge_moved(replace(state, judge=judge), settings)
    state, verdicts = _tried(state, settings)
    return state, [*moved, *verdicts]


def begun_anew(state: ScoreStream) -> ScoreStream:
    """The stream with its next reference to be collected: what comes from now on is the new normal."""
    return ScoreStream(
        key=state.key,
        version=state.version + 1,
        scores=state.scores,
        scores_before=state.scores,
        sample=state.sample,
        first_us=state.first_us,
        last_us=state.last_us,
    )


def _collect(state: ScoreStream, score: Score, settings: QualitySettings) -> tuple[ScoreStream, list[Outcome]]:
    is_first = state.baseline.count == 0
    state = replace(state, baseline=collected(state.baseline, is_bad=score.is_bad))
    if state.baseline.count >= settings.reference_scores:
        state = replace(state, reference=state.baseline)
        return state, [Monitoring(state.baseline.bad, state.baseline.count)]
    return state, [Warming(settings.reference_scores)] if is_first else []


def _monitor(state: ScoreStream, score: Score, settings: QualitySettings) -> tuple[ScoreStream, list[Outcome]]:
    usual = rate(state.baseline, settings.margin_deviations)
    wealth = state.wealth
    if usual <= HOPELESS:
        wealth = update(
            wealth,
            factors(usual, is_bad=score.is_bad),
            index=state.scores,
            time_us=score.event_time_us,
            wealth_max=WEALTH_MAX_FACTOR * settings.page_arl_scores,
        )
    state = _followed(replace(state, wealth=wealth), score, settings)
    before = state
    state, outcomes = _with_alarms(state, settings)
    if any(isinstance(one, Fired) for one in outcomes):
        state = replace(state, alarm_request_id=score.request_id)
    if _asks_for_trial(before, state):
        state = _accused(state, settings)
        outcomes = [replace(one, verdict=state.verdict) if isinstance(one, Fired) else one for one in outcomes]
    state, verdicts = _tried(state, settings)
    return state, [*outcomes, *verdicts]


def _followed(state: ScoreStream, score: Score, settings: QualitySettings) -> ScoreStream:
    if state.warn.raised:
        return state
    lag, count_max = settings.lag_scores, settings.reference_scores_max
    return replace(state, baseline=followed(state.baseline, is_bad=score.is_bad, lag=lag, count_max=count_max))


def _with_alarms(state: ScoreStream, settings: QualitySettings) -> tuple[ScoreStream, list[Outcome]]:
    statistic, index, clear_after = state.wealth.statistic, state.scores, settings.clear_after_scores
    warn = advance(state.warn, above=statistic >= settings.warn_arl_scores, index=index, clear_after=clear_after)
    page = advance(state.page, above=statistic >= settings.page_arl_scores, index=index, clear_after=clear_after)
    outcomes: list[Outcome] = []
    alarms: list[tuple[AlarmLevel, AlarmState, AlarmState, float]] = [
        ("warn", state.warn, warn, settings.warn_arl_scores),
        ("page", state.page, page, settings.page_arl_scores),
    ]
    for level, before, after, threshold in alarms:
        if after.raised and not before.raised:
            outcomes.append(Fired(level, state.verdict, statistic, threshold, *state.wealth.since, is_update=False))
        elif before.raised and not after.raised:
            outcomes.append(Cleared(level))
    ended = state.warn.raised and not warn.raised
    state = replace(state, warn=warn, page=page)
    if ended:  # a fresh start: what was staked on the change that ended is void
        state = replace(state, wealth=Wealth(), trial=None, verdict=None, alarm_request_id="")
    return state, outcomes


def _asks_for_trial(before: ScoreStream, after: ScoreStream) -> bool:
    """At a warning; at a page again, unless a trial goes on or the judge is blamed: what warned may be long past."""
    if after.warn.raised and not before.warn.raised:
        return True
    is_settled = after.trial is not None or after.verdict == "judge"
    return after.page.raised and not before.page.raised and not is_settled


def _accused(state: ScoreStream, settings: QualitySettings) -> ScoreStream:
    """The stream right after such an alarm: nothing in waiting is learnt, and the trial of the judge begins."""
    state = replace(state, baseline=forgetting_waiting(state.baseline), judge=forgetting(state.judge))
    if state.judge_alarm.raised:
        return replace(state, verdict="judge")
    if state.judge.rescored < settings.anchors_min:
        return replace(state, verdict="none")
    wanted = PASSES * len(state.judge.first)
    until_us = state.last_us + GUARD_S * 1_000_000
    trial = Trial(wanted, state.scores + settings.guard_scores, until_us, noise_of(state.judge))
    return replace(state, trial=trial, verdict=None)


def _heard(state: ScoreStream, anchor: AnchorScore) -> Trial | None:
    """The trial after an anchor; those whose usual verdict is not known yet are not heard."""
    if state.trial is None or not is_known(state.judge, anchor.anchor_id):
        return state.trial
    history = usual_history(state.judge, anchor.anchor_id)
    return heard(state.trial, anchor.anchor_id, history, failed=not anchor.passed, at_us=anchor.event_time_us)


def _tried(state: ScoreStream, settings: QualitySettings) -> tuple[ScoreStream, list[Outcome]]:
    if state.trial is None:
        return state, []
    verdict = decided(state.trial, state.scores, state.last_us)
    if verdict is None:
        return state, []
    state = replace(state, trial=None, verdict=verdict)
    level: AlarmLevel = "page" if state.page.raised else "warn"
    threshold = settings.page_arl_scores if state.page.raised else settings.warn_arl_scores
    return state, [Fired(level, verdict, state.wealth.statistic, threshold, *state.wealth.since, is_update=True)]


def _judge_moved(state: ScoreStream, settings: QualitySettings) -> tuple[ScoreStream, list[Outcome]]:
    judge, threshold = state.judge, settings.warn_arl_scores
    alarm = advance(
        state.judge_alarm,
        above=judge.statistic >= threshold,
        index=judge.scores,
        clear_after=JUDGE_CLEAR_AFTER_ANCHORS,
    )
    before, state = state.judge_alarm, replace(state, judge_alarm=alarm)
    if alarm.raised and not before.raised:
        direction = "stricter" if judge.stricter.statistic >= judge.laxer.statistic else "laxer"
        return replace(state, judge=forgetting(judge)), [JudgeFired(direction, judge.statistic, threshold)]
    if before.raised and not alarm.raised:
        return replace(state, judge=replace(judge, stricter=Wealth(), laxer=Wealth())), [JudgeCleared()]
    return state, []
