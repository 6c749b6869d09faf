"""Commands for the alarms on scores: where each stream stands, and all streams together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weir.cli import client
from weir.cli.output import Json, emit_json, emit_table, emit_text


def drift_quality(json: Json = False) -> None:
    """Streams of scores: pass rate now with its interval, baseline, alarm, whether system or judge changed, and how often
    the judge says of a human-labelled anchor what the person said.
    """
    answer = client.get("drift", "/v1/quality")
    if json:
        emit_json(answer)
        return
    rows = [
        {
            **one,
            "now": _interval(one["pass_rate"]),
            "baseline": _share(one["baseline_pass_rate"]),
            "agreement": _agreement(one["judge"]),
        }
        for one in answer["items"]
    ]
    emit_table(rows, ("tenant", "route", "part", "state", "alarm", "verdict", "scores", "now", "baseline", "agreement"))


def drift_fleet(json: Json = False) -> None:
    """All streams together: the bound on false pages a day, and which streams changed at the stated discovery rate."""
    answer = client.get("drift", "/v1/fleet")
    if json:
        emit_json(answer)
        return
    emit_text(answer["bound"])
    named = {_name(one) for one in answer["discoveries"]}
    rows = [{**one, "named": "yes" if _name(one) in named else ""} for one in answer["items"]]
    emit_table(rows, ("tenant", "route", "part", "scores", "e_value", "alarm", "named"))


def _name(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["tenant"], row["route"], row["part"]


def _interval(level: Mapping[str, Any]) -> str:
    return f"{level['mean']:.1%} ({level['low']:.1%} to {level['high']:.1%})" if level["count"] else ""


def _agreement(judge: Mapping[str, Any] | None) -> str:
    if not judge or judge["agreement"] is None:
        return ""
    return f"{judge['agreement']:.1%} of {judge['anchors']} anchors"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
