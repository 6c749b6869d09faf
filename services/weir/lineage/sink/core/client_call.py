"""The call of the Kafka client that the sink's thread is in: which one, and for how long.

The invariant: no call of the client keeps the sink for good. Each has a time limit of its own, but the library does not
always keep to it: `close` has stood still for ever after a broker was killed (librdkafka issues 3740 and 4674), and a thread
that hangs in a library cannot be ended from outside. So the process ends, and is started again.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ClientCall:
    """Of one sink. `limit_s`: seconds one call may take. Times are seconds of a monotonic clock."""

    limit_s: float
    _now: tuple[str, float] | None = None
    """Its name and since when; None outside the client. One value, so that another thread reads both or neither."""

    def enter(self, name: str, now_s: float) -> None:
        """The thread is in this call from now on; it ends with the next one, or with `leave`."""
        self._now = name, now_s

    def leave(self) -> None:
        """The thread is in no call of the client: it waits for the store, or for its own stop."""
        self._now = None

    def hangs(self, now_s: float) -> str:
        """The call that takes longer than the limit, in words; empty while none does."""
        if self._now is None:
            return ""
        name, since_s = self._now
        taken_s = now_s - since_s
        return f"{name} takes {taken_s:.0f} s, more than {self.limit_s:.0f}" if taken_s > self.limit_s else ""
