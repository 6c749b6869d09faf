"""Sentences: what a signal says to a person. Numbers and names only, never text of a prompt or an answer."""

from __future__ import annotations

from weir.detectors.scores.baseline import Baseline, rate
from weir.detectors.scores.level import pass_rate
from weir.detectors.scores.outcomes import Cleared, Fired, JudgeCleared, JudgeFired, Monitoring, Outcome, Warming
from weir.detectors.scores.settings import QualitySettings
from weir.detectors.scores.stream import ScoreStream
from weir.detectors.scores.trial import Verdict


def sentence_of(state: ScoreStream, outcome: Outcome, settings: QualitySettings) -> str:
    """One or two sentences about `outcome`, whose state after the step is `state`."""
    match outcome:
        case Warming():
            return f"{state.key.part}: a reference of {outcome.needed} scores is being collected."
        case Monitoring():
            return f"{state.key.part}: the reference is complete: {_share(outcome.bad, outcome.count)} were bad."
        case Fired():
            return f"{_fell(state, outcome, settings)} {verdict_sentence(state, outcome.verdict)}"
        case Cleared():
            quiet = settings.clear_after_scores
            return f"{state.key.part}: {quiet} scores in a row no longer speak for a change; the {outcome.level} ends."
        case JudgeFired():
            return (
                f"Verdict judge: {state.key.part} scores the human-labelled anchors {outcome.direction} than before "
                f"({state.judge.scores} anchor scores)."
            )
        case JudgeCleared():
            return f"{state.key.part} scores the anchors as it used to again."


def verdict_sentence(state: ScoreStream, verdict: Verdict | None) -> str:
    """What is known of who changed."""
    anchors = len(state.judge.first)
    match verdict:
        case "judge":
            return f"Verdict judge: its scores of {anchors} human-labelled anchors changed as well."
        case "system":
            return f"Verdict system: the judge scores {anchors} human-labelled anchors as before."
        case "none":
            return f"Verdict none: too few anchors ({anchors}) to tell whether the judge changed."
        case None:
            return f"Verdict none yet: {anchors} human-labelled anchors are being scored again."


def _fell(state: ScoreStream, outcome: Fired, settings: QualitySettings) -> str:
    now = pass_rate(state.levels.readable, settings.level_alpha)
    interval = f"{now.mean:.1%} ({now.low:.1%} to {now.high:.1%} over {now.count} scores)"
    return (
        f"The pass rate of {state.key.part} fell from {_good(state.baseline, settings)} by version {state.version} of "
        f"its reference, probably since score {outcome.since_index}; the present block stands at {interval}."
    )


def _good(baseline: Baseline, settings: QualitySettings) -> str:
    return f"{1.0 - rate(baseline, settings.margin_deviations):.1%}"


def _share(bad: int, count: int) -> str:
    return f"{bad} of {count} ({bad / count:.1%})"
