"""Checkpoint: a stream's state and the log position up to which it has read; the two are true only together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weir.drift.core.stream.state import StreamState
from weir.state import Codec


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A message in the log; its timestamp tells a topic that was made anew from a message that is delivered again."""

    partition: int
    offset: int
    timestamp_us: int

    def covers(self, other: LogPosition) -> bool:
        """Whether a state that has read up to here has read `other`."""
        return other.offset <= self.offset and other.timestamp_us <= self.timestamp_us


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A stream and how far it has read. The observations, the reference and the dataset of the stream are kept apart."""

    position: LogPosition
    stream: StreamState


def _renamed(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Layout 6 of a checkpoint of layout 5, which called two fields by other names."""
    stream = dict(checkpoint["stream"])
    stream["basis"] = stream.pop("insight")
    return {"position": checkpoint["place"], "stream": stream}


CHECKPOINT = Codec(Checkpoint, "drift-checkpoint", layout=6, migrations={5: _renamed})
"""What every event changes: about 35 kB for the bank, 16 bytes a remembered session, 8 bytes an event remembered as seen,
100 kB for explanations and 150 kB for a window of skew, both when they are full. About 2 ms.
"""
