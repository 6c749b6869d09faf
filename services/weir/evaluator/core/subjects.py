"""The calls that were seen last, so that a score of feedback can name what it judges."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from weir.events import FeatureItem, FeedbackReceived, InferenceCompleted, Reference, TextFeaturesComputed
from weir.events.trace_context import TraceContext, read_trace


@dataclass(frozen=True, slots=True)
class Subject:
    """What a score is about: a call, and the assets that answered it."""

    tenant: str
    request_id: str
    response_event_id: str
    """Empty for feedback on a call that is not remembered."""
    route: str
    trace_id: str
    references: tuple[Reference, ...]
    release_digest: str
    session_id: str = ""
    """Conversation of the call; empty when the client named none, and for feedback on a call that is not remembered."""
    traceparent: str = ""
    """Context of the call's own span, by which the score joins its trace; empty where it is not known."""
    tracestate: str = ""

    @property
    def trace(self) -> TraceContext | None:
        """The same, read; None where it is not known."""
        return read_trace(self.traceparent, self.tracestate)


class RecentSubjects:
    """A bounded memory of subjects by request id; the oldest leaves first. Remembering one twice changes nothing."""

    def __init__(self, entries_max: int) -> None:
        """entries_max: calls remembered, about 1 kB each; at least 1."""
        if entries_max < 1:
            raise ValueError(f"a memory of {entries_max} calls remembers none; set 1 or more")
        self._entries_max = entries_max
        self._subjects: OrderedDict[tuple[str, str], Subject] = OrderedDict()
        self._unsaved: list[Subject] = []

    def __len__(self) -> int:
        return len(self._subjects)

    def remember(self, subject: Subject) -> None:
        """Keep a subject; a call that is held already keeps its place."""
        if self._subjects.get((subject.tenant, subject.request_id)) != subject:
            self._unsaved.append(subject)
        self._subjects[subject.tenant, subject.request_id] = subject
        while len(self._subjects) > self._entries_max:
            self._subjects.popitem(last=False)

    def unsaved(self) -> Sequence[Subject]:
        """What was remembered since `mark_saved`, in that order."""
        return self._unsaved

    def mark_saved(self) -> None:
        """What was unsaved is on disk."""
        self._unsaved = []

    def of_feedback(self, event: FeedbackReceived) -> Subject:
        """The call of the same tenant that is judged; where it is not held, as much as the feedback itself says."""
        held = self._subjects.get((event.tenant, event.request_id))
        return held or Subject(event.tenant, event.request_id, "", "", event.trace_id, (), "", "")


def subject_of_response(event: InferenceCompleted, trace: TraceContext | None = None) -> Subject:
    """The call that ended. trace: that its message carries."""
    return _subject(event, event, event.event_id, trace)


def subject_of_item(envelope: TextFeaturesComputed, item: FeatureItem, trace: TraceContext | None = None) -> Subject:
    """The call that an item of a feature envelope describes. trace: that the envelope keeps of it."""
    return _subject(envelope, item, item.response_event_id, trace)


def _subject(
    stream: InferenceCompleted | TextFeaturesComputed,
    call: InferenceCompleted | FeatureItem,
    response_event_id: str,
    trace: TraceContext | None,
) -> Subject:
    return Subject(
        tenant=stream.tenant,
        request_id=call.request_id,
        response_event_id=response_event_id,
        route=stream.route,
        trace_id=call.trace_id,
        references=call.references,
        release_digest=call.release_digest,
        session_id=call.session_id,
        traceparent=trace.traceparent if trace else "",
        tracestate=trace.state if trace else "",
    )


def subject_record(subject: Subject) -> dict[str, Any]:
    """A subject as plain data."""
    return asdict(subject)


def subject_from(record_json: str) -> Subject:
    """The subject of a record in JSON."""
    record = json.loads(record_json)
    return Subject(**{**record, "references": tuple(Reference(**one) for one in record["references"])})
