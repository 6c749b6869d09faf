"""Root ids and the numbering of a producer's events.

`Numbering` gives each event of one process life its gapless number; a consumer finds a loss as a hole in it.
"""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, field
from typing import TypedDict

import uuid_utils

from weir.runtime.clock import now_us


def new_id() -> str:
    """A fresh UUIDv7 as lower-case text; sortable by time (RFC 9562)."""
    return str(uuid_utils.uuid7())


def new_trace_id() -> str:
    """A W3C trace id: 32 random hex digits, never all zero."""
    return secrets.token_hex(16)


def new_span_id() -> str:
    """A W3C span id: 16 random hex digits."""
    return secrets.token_hex(8)


class Head(TypedDict):
    """The first fields of every event."""

    event_id: str
    source: str
    boot_epoch: int
    seq: int
    tenant: str
    trace_id: str
    span_id: str
    parent_span_id: str
    event_time_us: int


@dataclass(slots=True)
class Numbering:
    """Numbers of one producer life: source, boot epoch and a counter without gaps.

    A number is taken only for an event that is then written; who takes one and drops the event makes a visible hole.
    """

    source: str
    boot_epoch: int = field(default_factory=now_us)
    _counter: itertools.count[int] = field(default_factory=itertools.count)

    def take(self) -> int:
        """The next number, counted from 0."""
        return next(self._counter)

    def head(self, event_id: str, event_time_us: int) -> Head:
        """The head of an event that belongs to no call and no tenant; takes a number."""
        return Head(
            event_id=event_id,
            source=self.source,
            boot_epoch=self.boot_epoch,
            seq=self.take(),
            tenant="",
            trace_id="",
            span_id="",
            parent_span_id="",
            event_time_us=event_time_us,
        )
