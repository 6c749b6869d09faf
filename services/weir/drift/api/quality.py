"""The HTTP API of the quality alarms.

GET  /v1/quality                                   {"items": [...], "limit": streams_max}
POST /v1/quality/{tenant}/{part}/{route}/accept    {"author": "...", "reason": "..."}, as JSON
GET  /v1/fleet                                     all streams together: e-values, e-BH, budget
"""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from weir.detectors.bank import MonitoringBank
from weir.detectors.scores.baseline import rate
from weir.detectors.scores.judge import agreement
from weir.detectors.scores.level import mean_score, pass_rate
from weir.detectors.scores.settings import QualitySettings
from weir.detectors.scores.stream import ScoreStream
from weir.drift.api.answers import answering
from weir.drift.api.body import decision_in
from weir.drift.app import Drift
from weir.drift.core.fleet import Rate, budget, discoveries, in_words
from weir.drift.quality.app import Quality
from weir.drift.quality.core.intake import BAD_OUTCOMES, OUTCOME_PART
from weir.drift.quality.core.signals import reference_digest
from weir.drift.quality.settings import QualityServiceSettings
from weir.runtime.clock import now_us

ENDS_PART = OUTCOME_PART + BAD_OUTCOMES[0]
"""A part that counts every call of a route."""


def quality_routes(quality: Quality, drift: Drift, settings: QualityServiceSettings) -> list[BaseRoute]:
    """The routes over `quality`; the fleet's budget counts the streams of `drift` too."""

    async def streams(_: Request) -> object:
        items = [view_of(one, quality.settings) for one in quality.streams()]
        return {"items": items, "limit": settings.streams_max}

    async def fleet(_: Request) -> object:
        return fleet_view(quality, drift, settings)

    async def accept(request: Request) -> object:
        by = await decision_in(request)
        tenant, route, part = (request.path_params[name] for name in ("tenant", "route", "part"))
        return view_of(await quality.accept(tenant, route, part, by, now_us()), quality.settings)

    listed_at, listed_by = "/v1/quality", "weir drift quality, or GET /v1/quality"
    return [
        Route(listed_at, answering(streams, listed_by), methods=["GET"]),
        Route("/v1/fleet", answering(fleet, listed_by), methods=["GET"]),
        Route("/v1/quality/{tenant}/{part}/{route:path}/accept", answering(accept, listed_by), methods=["POST"]),
    ]


def view_of(state: ScoreStream, settings: QualitySettings) -> dict[str, object]:
    """A stream for a person who asks."""
    level, alpha = state.levels.readable, settings.level_alpha
    share, kappa = agreement(state.judge)
    return {
        "tenant": state.key.tenant,
        "route": state.key.route,
        "part": state.key.part,
        "evaluator_digest": state.key.digest,
        "state": "warming" if state.is_warming else "monitoring",
        "alarm": _alarm(state),
        "verdict": _verdict(state),
        "scores": state.scores,
        "pass_rate": asdict(pass_rate(level, alpha)),
        "mean_score": asdict(mean_score(level, alpha)),
        "interval_alpha": alpha,
        "baseline_pass_rate": None if state.is_warming else 1.0 - rate(state.baseline, settings.margin_deviations),
        "baseline_scores": state.baseline.count,
        "reference": {
            "version": str(state.version),
            "digest": reference_digest(state),
            "scores_needed": settings.reference_scores,
        },
        "statistic": state.wealth.statistic,
        "warn_threshold": settings.warn_arl_scores,
        "page_threshold": settings.page_arl_scores,
        "e_value": state.wealth.e_value,
        "judge": {
            "anchors": sum(state.judge.table),
            "anchor_scores": state.judge.scores,
            "agreement": None if share != share else share,
            "kappa": None if kappa != kappa else kappa,
            "alarm": "warn" if state.judge_alarm.raised else "",
        },
    }


def fleet_view(quality: Quality, drift: Drift, settings: QualityServiceSettings) -> dict[str, object]:
    """All monitored streams of scores with their e-values, what e-BH names, and the bound on false pages."""
    monitored = [one for one in quality.streams() if not one.is_warming]
    e_values = [one.wealth.e_value for one in monitored]
    named = discoveries(e_values, settings.fdr)
    allowed = budget(
        [*_quality_rates(monitored, quality.settings), *_bank_rates(quality, drift)], settings.false_alarms_per_day_max
    )
    streams = len(monitored) + sum(isinstance(one.stream.bank, MonitoringBank) for one in drift.streams())
    return {
        "streams": streams,
        "streams_with_e_value": len(monitored),
        "fdr": settings.fdr,
        "discoveries": [_member(monitored[index]) for index in named],
        "items": [_member(one) for one in sorted(monitored, key=lambda one: -one.wealth.e_value)],
        "budget": {**asdict(allowed), "is_kept": allowed.is_kept},
        "bound": in_words(streams, len(named), settings.fdr, allowed),
    }


def _member(state: ScoreStream) -> dict[str, object]:
    return {
        "tenant": state.key.tenant,
        "route": state.key.route,
        "part": state.key.part,
        "e_value": state.wealth.e_value,
        "scores": state.wealth.steps,
        "alarm": _alarm(state),
    }


def _quality_rates(states: list[ScoreStream], settings: QualitySettings) -> list[Rate]:
    return [Rate(settings.page_arl_scores, one.scores, (one.last_us - one.first_us) / 1e6) for one in states]


def _bank_rates(quality: Quality, drift: Drift) -> list[Rate]:
    """Banks keep no times; the ends of the same route's calls are counted under the same rule, one turn a session."""
    ends = {(one.key.tenant, one.key.route): one for one in quality.streams() if one.key.part == ENDS_PART}
    banks = [one.stream for one in drift.streams() if isinstance(one.stream.bank, MonitoringBank)]
    watched = [(one, ends[one.tenant, one.route]) for one in banks if (one.tenant, one.route) in ends]
    return [
        Rate(bank.bank.settings.page_arl_events, counted.scores, (counted.last_us - counted.first_us) / 1e6)
        for bank, counted in watched
    ]


def _alarm(state: ScoreStream) -> str:
    return "page" if state.page.raised else "warn" if state.warn.raised else ""


def _verdict(state: ScoreStream) -> str:
    if state.trial is not None:
        return "pending"
    return str(state.verdict) if state.verdict else ""
