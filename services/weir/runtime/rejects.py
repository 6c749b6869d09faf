"""Rejects: when so many messages of a partition are bad that the deploy is, and not they.

Two limits. In a row: nothing can be read any more. By share: a deploy that breaks most messages and not all of them
never gives a long row, and would drain the topic all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """in_a_row_max: bad messages without a good one between them. share_max: bad ones as a part of the last
    `window_messages`, above 0; 1 never stops anything.
    """

    in_a_row_max: int
    share_max: float
    window_messages: int


@dataclass(frozen=True, slots=True)
class Rejects:
    """What a partition was like lately. Older messages count less and less: each new one takes 1/window of their weight."""

    in_a_row: int = 0
    bad: float = 0.0
    good: float = 0.0

    @property
    def share(self) -> float:
        """Bad messages as a part of the recent ones, 0 to 1."""
        return self.bad / (self.bad + self.good) if self.bad else 0.0

    def after_bad(self, limits: Limits) -> Rejects:
        """After one bad message."""
        return replace(self, in_a_row=self.in_a_row + 1, bad=self.bad + 1)._forgetting(limits)

    def after_good(self, count: int, limits: Limits) -> Rejects:
        """After good messages."""
        return replace(self, in_a_row=0, good=self.good + count)._forgetting(limits)

    def reason_to_stop(self, limits: Limits) -> str:
        """Why the consumer should stop, in words that go before "were bad"; empty to go on."""
        if self.in_a_row > limits.in_a_row_max:
            return f"{limits.in_a_row_max} messages in a row"
        is_known = self.bad + self.good >= limits.window_messages
        if is_known and self.share > limits.share_max:
            return f"{self.share:.0%} of the last {limits.window_messages} messages (limit {limits.share_max:.0%})"
        return ""

    def _forgetting(self, limits: Limits) -> Rejects:
        total = self.bad + self.good
        if total <= limits.window_messages:
            return self
        kept = limits.window_messages / total
        return replace(self, bad=self.bad * kept, good=limits.window_messages - self.bad * kept)
