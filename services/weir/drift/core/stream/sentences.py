"""Sentences: one for a person about each signal. Numbers and names of parts only, never a user's text."""

from __future__ import annotations

from weir.detectors.channels import CHANNELS
from weir.detectors.outcomes import Cleared, Frozen, Signal, Warming
from weir.drift.core.stream.state import StreamState

_MEANING = {channel.name: channel.meaning for channel in CHANNELS}

_EWMA_MEANING = "the mean embedding of prompts"

_DIRECTIONS = {"higher": "rose", "lower": "fell", "moved": "moved"}


def warming_sentence(outcome: Warming, reason: str) -> str:
    """How far the reference is."""
    version, events, needed = outcome.reference_version, outcome.events, outcome.needed
    return f"Collecting reference {version} ({reason}): {events:,} of {needed:,} events; nothing can fire yet."


def frozen_sentence(outcome: Frozen) -> str:
    """That monitoring has begun, and without which parts."""
    missing = ", ".join(outcome.inactive_parts)
    without = f"; without {missing}, for which too few events had a score or too few differed" if missing else ""
    constant = ", ".join(outcome.constant_parts)
    alike = f" All events are equal in {constant}: these tell another value, and nothing else." if constant else ""
    return (
        f"Reference {outcome.reference_version} of {outcome.events:,} events is complete; "
        f"monitoring begins{without}.{alike}"
    )


def fired_sentence(outcome: Signal, offset: int, reference_events: int) -> str:
    """What changed, against what, since when, and how far to trust it. offset: events before the monitored ones."""
    what = _MEANING.get(outcome.part, _EWMA_MEANING)
    return (
        f"{what[0].upper()}{what[1:]} ({outcome.part}) {_DIRECTIONS[outcome.direction]} against reference "
        f"{outcome.reference_version} of {reference_events:,} events, probably since event "
        f"{offset + outcome.since_index:,}: statistic {outcome.statistic:,.6g} passed {outcome.threshold:,.6g}, "
        f"which chance does once in {outcome.arl_events:,.0f} events or less often ({outcome.guarantee})."
    )


def cleared_sentence(outcome: Cleared, offset: int) -> str:
    """That the traffic is back to normal."""
    return (
        f"No part was above its {outcome.level} threshold for the settled number of events; the alarm raised at event "
        f"{offset + outcome.raised_index:,} is over."
    )


NEW_REFERENCE = "a new reference is begun, because "
"""Before the reason where an alarm ends with its reference."""


def withdrawn_sentence(level: str, stream: StreamState, reason: str) -> str:
    """That an alarm ends without the traffic being back to normal."""
    return f"The {level} alarm against reference {stream.version} is withdrawn: {reason}."


def decided_sentence(state: str, author: str, version: int, next_version: str) -> str:
    """What a person decided about reference `version`."""
    if state == "accepted":
        return f"{author} accepted the traffic as normal: reference {version} is replaced by {next_version}, begun now."
    return f"{author} dismissed the alarm: statistics start again against reference {version}."
