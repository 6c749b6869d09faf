"""The one error about an event: it is a fact about the bytes, never about the world.

    InvalidEvent(reason, detail)   -> the message is dead-lettered with that reason; the partition goes on

What the world does wrong (a broker gone, a registry unreachable) lives in `weir.runtime.errors`.
"""

from __future__ import annotations

from weir.events._generated import Reason


class InvalidEvent(Exception):
    """A message that can never be handled as it is, whoever tries and however often.

    reason: stable word, one of `Reason`. detail: what happened, with which value, what was expected.
    is_suspect: whether many of these speak against the deploy; False for what is well made and only too late.
    """

    def __init__(self, reason: Reason, detail: str, *, is_suspect: bool = True) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail
        self.is_suspect = is_suspect
