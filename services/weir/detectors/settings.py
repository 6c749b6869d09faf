"""BankSettings: what a user of one bank may choose, and how the promised error rate is split over its parts.

The split. The page is decided by the e-bank alone, so its threshold is the promised ARL itself (theorem). The warning
is decided by two parts: the e-bank, at a times the ARL, and the mean EWMA, at b times. Why that adds up: with E[T] >=
E[R_T] >= a * P(e-bank first) and, if the EWMA passes at most once in b events on average, E[T] >= b * P(EWMA first),
so E[T] >= 1 / (1/a + 1/b), the asked ARL where 1/a + 1/b = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

EBANK_SHARE = 0.6
"""Share of the false warnings that the e-bank may give; the mean EWMA gets the rest."""

REFERENCE_EVENTS_FLOOR = 50
"""Least reference that the arithmetic needs (16 neighbours, 5 folds); the promise needs 1,000."""


@dataclass(frozen=True, slots=True)
class BankSettings:
    """Choices for one bank. Events are those that enter the alarm path: one turn per session.

    `warn_arl_events`, `page_arl_events`: mean events to a false warning and a false page. `min_reference_events`:
    least scored events for a channel to take part. `reference_events`: events that end the warm-up, provided
    `min_reference_events` of them are embedded; with scarcer embeddings it goes on until `max_reference_events`.
    `clear_after_events`: quiet events that end an alarm. `turn_probability`, `session_capacity`: see `sessions`.
    `seed` decides the simulated thresholds. Raises ValueError for values that make the promise void.
    """

    warn_arl_events: float = 5_000.0
    page_arl_events: float = 100_000.0
    min_reference_events: int = 1_000
    reference_events: int = 2_000
    max_reference_events: int = 4_000
    clear_after_events: int = 500
    turn_probability: float = 0.5
    session_capacity: int = 2_048
    seed: int = 0

    def __post_init__(self) -> None:
        if self.warn_arl_events < 1.0 or self.page_arl_events < self.ebank_warn_arl_events:
            raise ValueError(
                f"warn_arl_events is {self.warn_arl_events}, page_arl_events {self.page_arl_events}; "
                f"expected 1 or more, and the page at {1 / EBANK_SHARE:g} times the warning or more (a page is a warning too)"
            )
        sizes = (self.min_reference_events, self.reference_events, self.max_reference_events)
        if not REFERENCE_EVENTS_FLOOR <= sizes[0] <= sizes[1] <= sizes[2]:
            raise ValueError(
                f"min_reference_events, reference_events, max_reference_events are {sizes}; expected this order and "
                f"{REFERENCE_EVENTS_FLOOR} or more (1,000 or more for the promise to hold)"
            )
        if not 0.0 < self.turn_probability <= 1.0:
            raise ValueError(f"turn_probability is {self.turn_probability}; expected more than 0 and at most 1")
        if min(self.session_capacity, self.clear_after_events) < 1:
            raise ValueError(
                f"session_capacity is {self.session_capacity}, clear_after_events {self.clear_after_events}; "
                "expected 1 or more each"
            )

    @property
    def ebank_warn_arl_events(self) -> float:
        """Mean events to a false warning of the e-bank alone."""
        return self.warn_arl_events / EBANK_SHARE

    @property
    def ewma_warn_arl_events(self) -> float:
        """Mean events to a false warning of the mean EWMA alone."""
        return self.warn_arl_events / (1.0 - EBANK_SHARE)
