"""Signals of a stream of scores: what its outcomes, and a decision about it, become.

Ids derive from the score at which the state changed, so a replay writes the same ones.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from weir.detectors.outcomes import Guarantee
from weir.detectors.scores.outcomes import Cleared, Fired, JudgeFired, Monitoring, Outcome, Warming
from weir.detectors.scores.score import AnchorScore, Score
from weir.detectors.scores.settings import QualitySettings
from weir.detectors.scores.stream import ScoreStream
from weir.drift.core.signal_kinds import OperatorDecision, QualityVerdict
from weir.drift.core.stream.decisions import Decision
from weir.drift.quality.core.sentences import sentence_of
from weir.events import DriftLevel, DriftState, DriftVerdict, derived_id, digest_of

DETECTOR = "quality"
"""Name of the detector on signals."""

JUDGE_PART = "/judge"
"""After the evaluator's name in the part of an alarm on the judge itself."""


def config_digest(settings: QualitySettings) -> str:
    """Digest of the settings."""
    return digest_of({"detector": DETECTOR, **asdict(settings)})


def reference_digest(state: ScoreStream) -> str:
    """Digest of the reference that the stream is compared with; empty while it warms."""
    if state.is_warming:
        return ""
    return digest_of({**asdict(state.key), "version": state.version, **asdict(state.reference)})


def signal_of(
    state: ScoreStream, outcome: Outcome, cause: Score | AnchorScore, settings: QualitySettings
) -> QualityVerdict:
    """The signal of `outcome`. state: after the step. cause: the score or anchor of the step."""
    kind, level, arl = _state_of(outcome, settings)
    part, verdict = _part_of(state, outcome), _verdict_of(outcome)
    role = f"quality {kind} {level} {part} {state.key.digest} {state.version} {verdict}"
    found: dict[str, Any] = {}
    if isinstance(outcome, Fired):
        found = {"since_event_index": outcome.since_index, "since_time_us": outcome.since_time_us}
        found |= {"guarantee": str(Guarantee.THEOREM)}
    if isinstance(outcome, Fired | JudgeFired):
        found |= {"statistic": outcome.statistic, "threshold": outcome.threshold}
    return QualityVerdict(
        **_common_fields(state, kind, role, cause, settings),
        level=level,
        part=part,
        verdict=verdict,
        arl_target=arl,
        trigger_request_id=_request_of(state, outcome, cause),
        explanation=sentence_of(state, outcome, settings),
        **found,
    )


def acceptance_of(state: ScoreStream, cause: Score, settings: QualitySettings, by: Decision) -> OperatorDecision:
    """The decision to take the scores from now on for normal. state: before it. cause: says when."""
    role = f"quality accepted {state.key.part} {state.key.digest} {state.version}"
    return OperatorDecision(
        **_common_fields(state, "accepted", role, cause, settings),
        part=state.key.part,
        trigger_request_id=cause.request_id,
        explanation=f"{by.author} takes the scores of {state.key.part} from now on for normal; a new reference is begun.",
        author=by.author,
        reason=by.reason,
        next_reference_version=str(state.version + 1),
    )


def _common_fields(
    state: ScoreStream, kind: DriftState, role: str, cause: Score | AnchorScore, settings: QualitySettings
) -> dict[str, Any]:
    """The fields that every signal of a stream of scores has. role: with the cause decides the id."""
    return {
        "event_id": derived_id(cause.cause_id, role),
        "tenant": state.key.tenant,
        "event_time_us": cause.event_time_us,
        "route": state.key.route,
        "detector": DETECTOR,
        "config_digest": config_digest(settings),
        "state": kind,
        "event_index": state.scores,
        "reference_version": "" if state.is_warming else str(state.version),
        "reference_digest": reference_digest(state),
        "reference_events": state.reference.count or state.baseline.count,
    }


def _request_of(state: ScoreStream, outcome: Outcome, cause: Score | AnchorScore) -> str:
    """The call behind a signal: a verdict that an anchor decides is about the call at which the alarm began."""
    if isinstance(cause, Score):
        return cause.request_id
    return state.alarm_request_id if isinstance(outcome, Fired) else ""


def _state_of(outcome: Outcome, settings: QualitySettings) -> tuple[DriftState, DriftLevel, float]:
    if isinstance(outcome, Warming):
        return "warming", "", 0.0
    if isinstance(outcome, Monitoring):
        return "monitoring", "", 0.0
    kind: DriftState = "fired" if isinstance(outcome, Fired | JudgeFired) else "cleared"
    level = outcome.level if isinstance(outcome, Fired | Cleared) else "warn"
    return kind, level, settings.page_arl_scores if level == "page" else settings.warn_arl_scores


def _verdict_of(outcome: Outcome) -> DriftVerdict:
    """`pending`: the anchors are being scored again; the evaluator answers such an alarm with all anchors."""
    if isinstance(outcome, Fired):
        return outcome.verdict or "pending"
    return "judge" if isinstance(outcome, JudgeFired) else ""


def _part_of(state: ScoreStream, outcome: Outcome) -> str:
    of_stream = isinstance(outcome, Warming | Monitoring | Fired | Cleared)
    return state.key.part if of_stream else state.key.part + JUDGE_PART
