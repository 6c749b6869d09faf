"""What the audit needs from outside, by role."""

from __future__ import annotations

from typing import Protocol


class Log(Protocol):
    """The log, as far as the audit asks about it. Blocking."""

    def messages(self) -> dict[str, int] | None:
        """Messages that the sink has not committed, by topic; None while the broker does not answer."""

    def caught_up(self) -> bool:
        """Wait until everything that is in the log now is committed. False when that takes too long."""
