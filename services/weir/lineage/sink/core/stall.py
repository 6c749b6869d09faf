"""Stall: how long the range in flight has been waiting, and when that is no longer an outage but a standstill."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Stall:
    """Of one sink. Times are seconds of a monotonic clock."""

    limit_s: float
    since_s: float | None = None
    """When the range in flight was taken up; None while there is none."""
    why: str = ""
    """The last error that the range met."""

    def begin(self, now_s: float) -> None:
        """A range is in flight; one that is tried again keeps its beginning."""
        if self.since_s is None:
            self.since_s = now_s

    def end(self) -> None:
        """It is stored and committed, or there is none."""
        self.since_s, self.why = None, ""

    def reason(self, now_s: float) -> str:
        """Why the sink is not ready; empty while it makes progress, or waits no longer than the limit."""
        if self.since_s is None or now_s - self.since_s <= self.limit_s:
            return ""
        waited_s = now_s - self.since_s
        return f"nothing was stored for {waited_s:.0f} s, more than {self.limit_s:.0f}: {self.why or 'the insert runs'}"
