"""QualitySettings: what a user of the quality alarms may choose."""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE_SCORES_FLOOR = 20
"""Least reference that the arithmetic needs; the promise needs about 1,000."""


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """Choices for one stream of scores. Scores are those that enter the alarm: a uniform sample, one a session.

    warn_arl_scores, page_arl_scores: mean scores to a false warning and a false page. reference_scores: scores that end
    the warm-up. reference_scores_max: the baseline stops growing there. lag_scores: a score joins the baseline once so
    many more have passed without an alarm. clear_after_scores: quiet scores that end an alarm. margin_deviations:
    standard errors by which the baseline is moved towards failing. guard_scores: scores after a warning within which
    the anchors must say whether the judge changed. anchors_min: re-scored anchors that a judge's own baseline needs.
    level_scores: length of the blocks over which the present level is estimated; level_alpha: how often its interval
    may miss in a block. turn_probability: see `detectors.sessions`. remembered: events, and sessions, remembered against
    double counting. Raises ValueError for values that make the promise void.
    """

    warn_arl_scores: float = 5_000.0
    page_arl_scores: float = 100_000.0
    reference_scores: int = 1_000
    reference_scores_max: int = 20_000
    lag_scores: int = 500
    clear_after_scores: int = 300
    margin_deviations: float = 0.1
    guard_scores: int = 300
    anchors_min: int = 50
    level_scores: int = 2_000
    level_alpha: float = 0.05
    turn_probability: float = 0.5
    remembered: int = 512

    def __post_init__(self) -> None:
        if self.warn_arl_scores < 1.0 or self.page_arl_scores < self.warn_arl_scores:
            raise ValueError(
                f"warn_arl_scores is {self.warn_arl_scores}, page_arl_scores {self.page_arl_scores}; expected 1 or "
                "more, and the page at the warning or more (a page is a warning too)"
            )
        if not REFERENCE_SCORES_FLOOR <= self.reference_scores <= self.reference_scores_max:
            raise ValueError(
                f"reference_scores, reference_scores_max are {self.reference_scores}, {self.reference_scores_max}; "
                f"expected this order and {REFERENCE_SCORES_FLOOR} or more (1,000 or more for the promise to hold)"
            )
        counts = (self.lag_scores, self.clear_after_scores, self.guard_scores, self.anchors_min, self.level_scores)
        if min(*counts, self.remembered) < 1:
            raise ValueError(
                "lag_scores, clear_after_scores, guard_scores, anchors_min, level_scores, remembered are "
                f"{(*counts, self.remembered)}; expected 1 or more each"
            )
        if not (0.0 < self.turn_probability <= 1.0 and 0.0 < self.level_alpha < 1.0 and self.margin_deviations >= 0.0):
            raise ValueError(
                f"turn_probability is {self.turn_probability}, level_alpha {self.level_alpha}, margin_deviations "
                f"{self.margin_deviations}; expected probabilities above 0 and a margin of 0 or more"
            )
