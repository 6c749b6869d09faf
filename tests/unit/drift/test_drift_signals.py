"""Four kinds of signals are one event on the wire."""

from __future__ import annotations

from dataclasses import fields

import pytest

from unit.drift.test_signal_traces import COMMON, accepted, fired
from weir.drift.core.explanation import Explanation
from weir.drift.core.signal_kinds import Alarm, OperatorDecision, QualityVerdict, Skew, StreamSignal, record_of
from weir.events import DriftSignalled, Envelope

KINDS = (Alarm, Skew, QualityVerdict, OperatorDecision)
NESTED = "explained"


def names_of(kind: type) -> set[str]:
    """Names of the fields, those of an explanation among them."""
    names = {one.name for one in fields(kind)}
    return names - {NESTED} | ({one.name for one in fields(Explanation)} if NESTED in names else set())


def test_the_kinds_together_have_the_fields_of_the_event_and_no_other() -> None:
    of_envelope = {one.name for one in fields(Envelope)} - {"event_id", "tenant", "event_time_us"}
    assert set().union(*map(names_of, KINDS)) == names_of(DriftSignalled) - of_envelope


@pytest.mark.parametrize("signal", [fired("r"), accepted("r"), QualityVerdict(**COMMON, detector="quality", state="fired",
                                                                            verdict="judge")])  # fmt: skip
def test_a_record_says_what_the_signal_says_and_the_defaults_of_the_event(signal: StreamSignal) -> None:
    record = record_of(signal)
    said = names_of(type(signal)) - names_of(Explanation)
    assert {name: getattr(record, name) for name in said} == {name: getattr(signal, name) for name in said}
    for one in fields(DriftSignalled):
        assert one.name in said or getattr(record, one.name) == one.default


def test_an_explanation_becomes_fields_of_the_record() -> None:
    explained = Explanation(
        evidence_events=7, example_before_request_ids=("a",), shifted_terms=(), clusters=(), psi=0.5,
        psi_by_cluster=(), blame=(),
    )  # fmt: skip
    record = record_of(Alarm(**COMMON, detector="bank", state="fired", explained=explained))
    assert (record.evidence_events, record.example_before_request_ids, record.psi) == (7, ("a",), 0.5)
