"""Explanation: a reading as an observation, with the evidence that its alert shows to a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from weir.alerts.core.calls.reading import Reading
from weir.alerts.core.calls.series import Series, condition_of
from weir.alerts.core.calls.sketch import ERROR_SHARE
from weir.alerts.core.observation import Observation
from weir.alerts.core.rule import Rule, word
from weir.assets.call_condition import QUANTILES, CallCondition


def observation_of(rule: Rule, series: Series, reading: Reading, value: float) -> Observation:
    """What a reading with a value says to the alert of a group."""
    condition = condition_of(rule)
    foremost = reading.examples[0] if reading.examples else None
    return Observation(
        event_id=foremost.event_id if foremost else "",
        event_time_us=reading.end_us,
        identity=series.identity,
        fields={**series.identity, **_words(condition, reading)},
        is_bad=condition.holds(value),
        sample=0.0,
        value=value,
        threshold=condition.value,
        facts=_facts(condition, reading, value),
        links=tuple(one.traceparent for one in reading.examples if one.traceparent),
    )


def unknown_for(reading: Reading, waited_us: int) -> str:
    """Why an alert ends whose value is not known. waited_us: for how long it was not, microseconds."""
    why = "the group is watched for less than a window" if reading.is_new else "too few calls"
    waited = f" for {waited_us / 1_000_000:g} s" if waited_us else ""
    return f"{why}{waited}: whether it still holds is not known"


def _words(condition: CallCondition, reading: Reading) -> dict[str, str]:
    """What annotations may name; `value` is the alert's."""
    return {
        "threshold": word(condition.value),
        "measure": condition.measure,
        "calls": _calls(reading),
        "window": _window(condition, reading),
        "request_id": reading.examples[0].request_id if reading.examples else "",
        "request_ids": _ids(reading),
    }


def _facts(condition: CallCondition, reading: Reading, value: float) -> dict[str, str]:
    within = f", within {ERROR_SHARE:.0%}" if condition.measure in QUANTILES else ""
    facts = {
        "condition": f"{condition.measure} {condition.op} {word(condition.value)}",
        "observed": f"{word(value)}{within}",
        "window": _window(condition, reading),
        "calls": f"{_calls(reading)}; {condition.calls_min} are needed",
        "burn": _burn(condition, reading),
        "examples": _ids(reading),
    }
    return {name: text for name, text in facts.items() if text}


def _calls(reading: Reading) -> str:
    return str(reading.known) if reading.known == reading.calls else f"{reading.known} of {reading.calls} that say it"


def _window(condition: CallCondition, reading: Reading) -> str:
    start_us = reading.end_us - condition.window_us
    return f"{_time(start_us)} to {_time(reading.end_us)}, {condition.window_s:g} s"


def _burn(condition: CallCondition, reading: Reading) -> str:
    if reading.long is None or reading.short is None or condition.short_window_s is None:
        return ""
    return f"{reading.long:g} over {condition.window_s:g} s, {reading.short:g} over {condition.short_window_s:g} s"


def _ids(reading: Reading) -> str:
    return ", ".join(one.request_id for one in reading.examples)


def _time(at_us: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us):%Y-%m-%dT%H:%M:%SZ}"
