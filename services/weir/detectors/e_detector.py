"""Shiryaev-Roberts e-detector: bets against "nothing changed", restarted at every event, whose total wealth is the
alarm statistic.

A bet puts the share `stake` of its wealth on small p-values and keeps the rest: it multiplies the wealth by
`1 - stake + stake * eps * p ** (eps - 1)`, whose mean is 1 for uniform p. Before every event one fresh unit is staked:
R <- (R + 1) * bet. So R - n has mean at most 0 whatever the bets, and for any alarm time T: E[T] >= E[R_T] >=
threshold. That is the theorem (Shin, Ramdas, Rinaldo, e-detectors): **mean events to a false alarm >= threshold, for
every sample size, with no tuning**. It survives averaging over bets, sides and channels of any dependence with any
fixed weights, skipping events, and capping.

What it needs: each p-value uniform given the past. Events of one session are not independent: hence one turn per
session (see `sessions`). And against one fixed reference a p-value is uniform only up to its own error: the true chance
of a p-value below q is q give or take sqrt(q (1 - q) / n), the same for ever, on which bets slowly win. So every bet is
made on q + `SLACK_DEVIATIONS` * sqrt(q (1 - q) / n) instead: little is taken off where thousands of reference scores say
where q lies, much where a handful do. It is a margin, not a proof for every reference.

When it began: each bet also keeps the sum of its log bets since it was last not positive (CUSUM). The start of that
run for the leading bet estimates the change time; it tends to be early by some events and has no guarantee.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from weir.detectors.last_event import IntArray, last_event
from weir.detectors.reference import FloatArray

EXPONENTS = np.array([0.15, 0.3, 0.5, 0.7, 0.3, 0.3])
"""Power of each bet: small ones win on rare extreme scores, large ones on a slight shift of all."""

STAKES = np.array([1.0, 1.0, 1.0, 1.0, 0.3, 0.08])
"""Share of the wealth that each bet risks: partial ones win where one event in ten or a hundred has changed. Chosen
greedily with the exponents on the first base of the benchmark: against five whole bets a new intent at 2 % of the
traffic needs 30 % fewer events.
"""

SIDES = 2
"""Bets on p (larger scores than usual) and on 1 - p (smaller ones)."""

SLACK_DEVIATIONS = 0.45
"""Standard deviations of the reference's own error that p-values are raised by. Measured on two references of each base of
the benchmark, 2.56 million events without change, 100,000 to a page asked: 0.25 kept 111,000, 0.35 151,000. With less
than 0.45 one reference in five leaves a bet that wins without change (simulated). With 0.5 the
whole bank kept 29,500 events to a warning where 5,000 was asked, with 0.25 17,500 (new texts, first base).
"""

_KEPT = 1.0 - STAKES
_LOG_GAINS = np.log(STAKES * EXPONENTS)
_POWERS = EXPONENTS - 1.0


@dataclass(frozen=True, slots=True, eq=False)
class EDetector:
    """Arrays of shape (channels, 2 sides, bets).

    `wealth` is R. `run_log` is the sum of log bets since `run_start`, the index of the first event of the current run,
    whose time is `run_start_us`; 0 where no run is on.
    """

    wealth: FloatArray
    run_log: FloatArray
    run_start: IntArray
    run_start_us: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Where a detector is after each of some events: arrays (events, channels, 2 sides, bets)."""

    before: EDetector
    wealth: FloatArray
    run_log: FloatArray
    skipped: npt.NDArray[np.bool_]

    def at(self, place: int, first_index: int, times_us: IntArray) -> EDetector:
        """The detector after event `place` (from 0), whose events are numbered from `first_index`."""
        before = self.before
        began = ~self.skipped[: place + 1]
        began[0] &= before.run_log == 0.0
        if place:
            began[1:] &= self.run_log[:place] == 0.0
        starts = last_event(began, first_index, times_us, (before.run_start, before.run_start_us))
        return EDetector(self.wealth[place], self.run_log[place], *starts)


def p_slack(reference_events: int) -> float:
    """What p-values from `reference_events` scores are raised by, as a multiple of sqrt(p (1 - p))."""
    return float(SLACK_DEVIATIONS / np.sqrt(max(reference_events, 1)))


def new_detector(channels: int) -> EDetector:
    """A detector that has seen nothing."""
    shape = (channels, SIDES, EXPONENTS.size)
    return EDetector(np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64))


def log_bets(p: FloatArray, slack: FloatArray) -> FloatArray:
    """The log of every bet (events, channels, 2 sides, bets) on p-values `p` (events, channels).

    `slack` (channels, 2) is the `p_slack` of each side. NaN where an event has no p-value and where `slack` is NaN: a
    side on which nobody bets. Sums of these are what an event adds to the evidence.
    """
    return np.asarray(np.log(_bets(p, slack)))


def follow(detector: EDetector, p: FloatArray, slack: FloatArray, wealth_max: float) -> Trajectory:
    """Where `detector` goes with the p-values `p` (events, channels), one event after the other.

    `wealth_max` caps each bet: an alarm that lasts must not need as long to come down. Single events and batches give
    the same bits. Cost: about 3 us an event, and 10 us a call.
    """
    bets = _bets(p, slack)
    skipped = np.isnan(bets)
    bets[skipped] = 1.0
    logs, fresh = np.log(bets), (~skipped).astype(np.float64)
    wealth, run_log = np.empty_like(logs), np.empty_like(logs)
    last_wealth, last_run = detector.wealth, detector.run_log
    for place in range(len(p)):
        here, run = wealth[place], run_log[place]
        np.add(last_wealth, fresh[place], out=here)
        np.multiply(here, bets[place], out=here)
        np.minimum(here, wealth_max, out=here)
        np.add(last_run, logs[place], out=run)
        np.maximum(run, 0.0, out=run)
        last_wealth, last_run = here, run
    return Trajectory(detector, wealth, run_log, skipped)


def _bets(p: FloatArray, slack: FloatArray) -> FloatArray:
    """The factor of every bet, NaN where nobody bets."""
    sides = np.empty((*p.shape, SIDES))
    sides[..., 0], sides[..., 1] = p, 1.0 - p
    spread = np.sqrt(p * sides[..., 1])
    raised = np.minimum(sides + slack * spread[..., None], 1.0)
    gains = np.exp(_LOG_GAINS + _POWERS * np.log(raised)[..., None])
    return np.asarray(_KEPT + gains)


def restarted(detector: EDetector) -> EDetector:
    """The detector with all wealth gone; what it knows of runs stays."""
    return replace(detector, wealth=np.zeros_like(detector.wealth))


def channel_wealth(wealth: FloatArray, weights: FloatArray) -> FloatArray:
    """What each channel adds to the e-bank: `wealth` (..., channels, 2, bets), averaged over bets, times `weights`
    (channels, 2). With weights that sum to 1 the sum over channels is an e-detector.
    """
    rows = np.ascontiguousarray(wealth).reshape(-1, EXPONENTS.size).sum(axis=1)
    return np.asarray((rows.reshape(wealth.shape[:-1]) * (weights / EXPONENTS.size)).sum(axis=-1))


def leading_bet(detector: EDetector, channel: int) -> tuple[int, int]:
    """Side and bet of `channel` with the most wealth."""
    side, bet = np.unravel_index(int(detector.wealth[channel].argmax()), detector.wealth.shape[1:])
    return int(side), int(bet)
