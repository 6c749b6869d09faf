"""What the demo claims, each a sentence and a test over the evidence. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from demo.evidence import Evidence

FIRED_WITHIN_EVENTS = 50
"""Events of the shifted traffic within which the page must come. Specified."""

TRACE_SECONDS_MAX = 2.0
"""Seconds from an answer to its queryable trace. Specified."""

STACK_READY_SECONDS_MAX = 60.0
"""Seconds until every service is ready. Specified."""

DEMO_SECONDS_MAX = 360.0
"""Seconds of the whole demo, after installation. Specified."""

PSS_MIB_MAX = 4_096.0
"""Memory of all processes together, proportional set size, MiB. Specified."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, the evidence behind it as text, and whether it held."""

    sentence: str
    shown: str
    held: bool


def claims_of(evidence: Evidence) -> list[Claim]:
    """Every claim of the demo, judged."""
    e = evidence
    return [
        _same("every acknowledged call is stored", e.stored, e.accepted),
        _zero("no acknowledged call is lost", e.lost),
        _zero("no duplicate is visible", e.duplicates_visible),
        _zero("no call was refused", e.refused_calls),
        _zero("no event was put aside", e.dead_lettered),
        _zero("no sequence number is missing", e.sequence_numbers_missing),
        _at_most("stack ready", e.stack_ready_seconds, STACK_READY_SECONDS_MAX, "s"),
        _at_most("first trace queryable after its answer", e.trace_queryable_seconds, TRACE_SECONDS_MAX, "s"),
        _zero("no alarm before the shift", e.false_alarms_before_shift),
        _at_most("shift found", e.drift_fired_after_events, FIRED_WITHIN_EVENTS, "events"),
        Claim("webhook signature verified", _shown(e.webhook_signature_verified), e.webhook_signature_verified is True),
        _same("the generating models answered every question", e.generation_answered, e.generation_asked),
        _zero("no release is shared by the chain that quotes and the one that writes", e.generation_releases_shared),
        _same("lineage leads to this corpus", e.lineage_corpus_digest, e.corpus_digest),
        _at_most("memory of all processes", e.pss_mib, PSS_MIB_MAX, "MiB"),
        _at_most("the whole demo", e.demo_seconds, DEMO_SECONDS_MAX, "s"),
    ]


def _same(sentence: str, found: object, expected: object) -> Claim:
    return Claim(sentence, f"{_shown(found)} of {_shown(expected)}", found is not None and found == expected)


def _zero(sentence: str, found: int | None) -> Claim:
    return Claim(sentence, _shown(found), found == 0)


def _at_most(sentence: str, found: float | None, most: float, unit: str) -> Claim:
    return Claim(sentence, f"{_shown(found)} {unit} (at most {most:g})", found is not None and found <= most)


def _shown(value: object) -> str:
    if value is None:
        return "not measured"
    return f"{value:g}" if isinstance(value, float) else str(value)
