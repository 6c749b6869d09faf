"""Root ids and the numbering of a producer's events.

`Numbering` gives each event of one producer epoch its gapless number; a consumer finds a loss as a hole in it.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace
from typing import TypeVar

import uuid_utils

from weir.events import Envelope
from weir.runtime.clock import now_us

RANDOM = random.Random()  # ids that must differ, and are no secret: a system call for each costs 5 us a call
"""Seeded by the system, once a process."""

Numbered = TypeVar("Numbered", bound=Envelope)


def new_id() -> str:
    """A fresh UUIDv7 as lower-case text; sortable by time (RFC 9562)."""
    return str(uuid_utils.uuid7())


def new_trace_id() -> str:
    """A W3C trace id: 32 random hex digits, never all zero."""
    return f"{RANDOM.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """A W3C span id: 16 random hex digits, never all zero."""
    return f"{RANDOM.getrandbits(64) or 1:016x}"


@dataclass(slots=True)
class Numbering:
    """Numbers of one producer epoch: source, boot epoch and a counter without gaps.

    A number is taken only for an event that is then written; who takes one and drops the event makes a visible hole.
    """

    source: str
    boot_epoch: int = field(default_factory=now_us)
    _counter: itertools.count[int] = field(default_factory=itertools.count)

    def take(self) -> int:
        """The next number, counted from 0."""
        return next(self._counter)

    def number(self, event: Numbered) -> Numbered:
        """The event with the next number of this producer epoch."""
        return replace(event, source=self.source, boot_epoch=self.boot_epoch, seq=self.take())
