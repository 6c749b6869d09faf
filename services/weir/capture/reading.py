"""What a payload of a spool turned out to be, and who finds that out: the part of a drain that its service brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from weir.capture.accounting import Numbered, Unended
from weir.events import InvalidEvent, SpansRecorded
from weir.events.trace_context import TraceContext


@dataclass(frozen=True, slots=True)
class Read:
    """What a payload turned out to be."""

    payload: bytes
    record: Numbered | None
    """None when the payload is no record."""
    messages: tuple[tuple[str, str, bytes], ...] = ()
    """Topic, key and Avro body of each event."""
    error: InvalidEvent | None = None
    """Why it gives no events; a dead letter says it."""

    trace: TraceContext | None = None
    """Context of the call, for the headers of its messages; None for what belongs to no call."""

    spans: SpansRecorded | None = None
    """Spans among the messages that go to a collector too, where one is named; None for a record that has none."""

    is_bare: bool = False
    """Whether the events are without some of the call's texts, because those could be no event's."""

    @property
    def counted(self) -> Numbered | None:
        """The record as the ledger counts it: of one that gives no events only the numbers are believed."""
        if self.record is None or self.error is None or self.record.begun is None:
            return self.record
        return self.record.without_call()


class Reader(Protocol):
    """Makes events of what a service recorded.

    Invariant: every payload becomes messages or one InvalidEvent; nothing else comes out of it.
    """

    def read(self, payloads: Sequence[bytes]) -> list[Read]:
        """Read payloads, each as if it were alone. Never raises."""

    def end(self, unended: Unended) -> Read:
        """The end of a call that its service did not live to record. Never raises."""
