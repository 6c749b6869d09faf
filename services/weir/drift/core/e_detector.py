"""Shiryaev-Roberts e-detector: bets against "nothing changed", restarted at every event, whose total wealth is the
alarm statistic.

Each bet multiplies its stake by `eps * p ** (eps - 1)`, whose mean is 1 for uniform p. Before every event one fresh
unit is staked: R <- (R + 1) * bet. So R - n has mean at most 0 whatever the bets, and for any alarm time T: E[T] >=
E[R_T] >= threshold. That is the theorem (Shin, Ramdas, Rinaldo, e-detectors): **mean events to a false alarm >=
threshold, for every sample size, with no tuning**. It survives averaging over bets, sides and channels of any
dependence, skipping events, and capping.

What it needs: each p-value uniform given the past. Events of one session are not independent: hence one turn per
session (see `sessions`). And against one fixed reference a p-value is uniform only up to about 1/sqrt(n), the same
error for ever, on which bets slowly win: without a correction a promise of 100,000 events kept 11,000 to 102,000,
depending on the reference (measured, synthetic traffic, n = 1,000 and 2,000). So every bet is lowered by `log_slack`:
one standard deviation, over references of that size, of the mean it then has. With it the same references kept 73,000
or more, all but one over 130,000, and 9,000 to 42,000 of 5,000. It is a margin, not a proof for every reference.

When it began: each bet also keeps the sum of its log bets since it was last negative (CUSUM). The start of that run
for the leading bet estimates the change time; it tends to be early by some events and has no guarantee.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from weir.drift.core.reference import FloatArray

EXPONENTS = np.array([0.15, 0.3, 0.5, 0.7, 0.85])
"""Power bets (from the study): small ones win on rare extreme scores, large ones on a slight shift of all."""

SIDES = 2
"""Bets on p (larger scores than usual) and on 1 - p (smaller ones)."""

SLACK_DEVIATIONS = 1.0
"""Standard deviations of the reference's own error taken off the bets (chosen: 2 gave ten times the promised ARL)."""

_LOG_EXPONENTS = np.log(EXPONENTS)
_POWERS = EXPONENTS - 1.0


@dataclass(frozen=True, slots=True, eq=False)
class EDetector:
    """Arrays of shape (channels, 2 sides, 5 bets).

    `wealth` is R. `run_log` is the sum of log bets since `run_start`, the index of the first event of the current run,
    whose time is `run_start_us`.
    """

    wealth: FloatArray
    run_log: FloatArray
    run_start: npt.NDArray[np.int64]
    run_start_us: npt.NDArray[np.int64]


def log_slack(reference_events: int) -> FloatArray:
    """What is taken off each log bet (5,) because the p-values come from one reference of `reference_events` scores.

    Given the reference, the chance of a new score to fall between two neighbours of it is flat Dirichlet; a bet's mean
    is the sum of these chances times its average in between, so its variance is known exactly for scores without ties.
    """
    size = reference_events + 1
    edges = np.arange(size + 1) / size
    averages = size * np.diff(edges ** EXPONENTS[:, None], axis=1)
    deviation = np.sqrt((np.square(averages).mean(axis=1) - 1.0) / (size + 1))
    return np.asarray(np.log1p(SLACK_DEVIATIONS * deviation))


def new_detector(channels: int) -> EDetector:
    """A detector that has seen nothing."""
    shape = (channels, SIDES, EXPONENTS.size)
    return EDetector(np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64))


def update(
    detector: EDetector, p: FloatArray, slack: FloatArray, *, index: int, time_us: int, wealth_max: float
) -> EDetector:
    """The detector after one event with p-values `p` (channels,), NaN where a channel skips the event.

    `slack` (channels, 1, 5) is the `log_slack` of each channel; `wealth_max` caps each bet: an alarm that lasts must
    not need as long to come down. About 15 us.
    """
    log_p = np.log(np.array((p, 1.0 - p)).T)[..., None]
    log_bets = _LOG_EXPONENTS + _POWERS * log_p - slack
    skipped = np.isnan(log_bets)
    restarted = (detector.run_log <= 0.0) & ~skipped
    wealth = np.minimum((detector.wealth + 1.0) * np.exp(log_bets), wealth_max)
    return EDetector(
        wealth=np.where(skipped, detector.wealth, wealth),
        run_log=np.where(skipped, detector.run_log, np.maximum(detector.run_log, 0.0) + log_bets),
        run_start=np.where(restarted, index, detector.run_start),
        run_start_us=np.where(restarted, time_us, detector.run_start_us),
    )


def restarted(detector: EDetector) -> EDetector:
    """The detector with all wealth gone; what it knows of runs stays."""
    return replace(detector, wealth=np.zeros_like(detector.wealth))


def channel_wealth(detector: EDetector) -> FloatArray:
    """Mean wealth of each channel over its sides and bets: an e-detector per channel."""
    return np.asarray(detector.wealth.sum(axis=(1, 2)) / (SIDES * EXPONENTS.size))


def leading_bet(detector: EDetector, channel: int) -> tuple[int, int]:
    """Side and bet of `channel` with the most wealth."""
    side, bet = np.unravel_index(int(detector.wealth[channel].argmax()), detector.wealth.shape[1:])
    return int(side), int(bet)
