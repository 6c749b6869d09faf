"""Score: one judged call or one re-scored anchor, as the alarms need it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """One judged call.

    value: the score, 0 to 1, for the level. inclusion_probability: chance with which the call was judged, (0, 1].
    """

    event_id: str
    cause_id: str
    """Event whose id a signal derives from: UUIDv7 text."""
    request_id: str
    session_id: str
    event_time_us: int
    is_bad: bool
    value: float
    inclusion_probability: float

    @property
    def has_own_session(self) -> bool:
        """True when no other score can share the session of this one."""
        return self.session_id in ("", self.request_id)


@dataclass(frozen=True, slots=True)
class AnchorScore:
    """One anchor as the live judge scored it. human_passed: what the human label says."""

    event_id: str
    cause_id: str
    anchor_id: str
    event_time_us: int
    passed: bool
    human_passed: bool
