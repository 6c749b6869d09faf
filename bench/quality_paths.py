"""Many quality alarms at once: the step of `weir.detectors.scores` on columns of an array, for the benchmark.

It takes the rate and the bets of the service; the loop has one column a run, because 10 million steps one at a time take half
an hour. `tests/unit/drift/test_quality_paths.py` checks that it fires at the very score at which the service does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.detectors.scores.baseline import Baseline, rate
from weir.detectors.scores.bets import DROPS, factors
from weir.detectors.scores.settings import QualitySettings

Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Alarms:
    """at: scores to the first alarm of each run, `horizon` where there was none. fired: whether there was one."""

    at: npt.NDArray[np.int64]
    fired: Bits

    @property
    def arl(self) -> tuple[float, float]:
        """Mean scores to an alarm and its standard error: exponential maximum likelihood with censored runs."""
        alarms = int(self.fired.sum())
        mean = float(self.at.sum()) / max(alarms, 1)
        return mean, mean / max(alarms, 1) ** 0.5

    def after(self, usual: int) -> Alarms:
        """The alarms of the runs that had none in the first `usual` scores, counted from there."""
        kept = self.at > usual
        return Alarms(self.at[kept] - usual, self.fired[kept])

    def delay(self, share: float) -> float:
        """Quantile of the scores to an alarm."""
        return float(np.quantile(self.at, share))


def weir_alarms(bad_of_reference: npt.NDArray[np.int64], scores: Iterator[Bits], settings: QualitySettings) -> Alarms:
    """First warnings of runs whose references held `bad_of_reference` bad scores; `scores` gives one row a score."""
    runs = bad_of_reference.size
    bad, count = bad_of_reference.copy(), settings.reference_scores
    wealth, waiting = np.zeros((len(DROPS), runs)), np.zeros((settings.lag_scores, runs), dtype=bool)
    at, fired, number = np.zeros(runs, dtype=np.int64), np.zeros(runs, dtype=bool), 0
    for number, is_bad in enumerate(scores, start=1):
        wealth = (wealth + 1.0) * _bets(bad, count, is_bad, settings.margin_deviations)
        hits = ~fired & (wealth.mean(axis=0) >= settings.warn_arl_scores)
        at[hits], fired = number, fired | hits
        if fired.all():
            break
        place = (number - 1) % settings.lag_scores
        if number > settings.lag_scores and count < settings.reference_scores_max:
            bad, count = bad + waiting[place], count + 1
        waiting[place] = is_bad
    at[~fired] = number
    return Alarms(at, fired)


def rolling_z_alarms(pass_rate: float, scores: Iterator[Bits], window: int, z: float) -> Alarms:
    """First alarms of the usual peer, which is told the true `pass_rate`: the share of bad scores of the last `window`
    is checked at every score against the normal bound `z`.
    """
    bad_rate, at, fired, number = 1.0 - pass_rate, None, None, 0
    bound = bad_rate + z * (pass_rate * bad_rate / window) ** 0.5
    held = sums = np.zeros(0)
    for number, is_bad in enumerate(scores, start=1):
        if at is None or fired is None:
            at, fired = np.zeros(is_bad.size, dtype=np.int64), np.zeros(is_bad.size, dtype=bool)
            held, sums = np.zeros((window, is_bad.size), dtype=bool), np.zeros(is_bad.size)
        place = (number - 1) % window
        sums, held[place] = sums + is_bad - held[place], is_bad
        if number >= window:
            hits = ~fired & (sums / window > bound)
            at[hits], fired = number, fired | hits
        if fired.all():
            break
    if at is None or fired is None:
        raise ValueError("no scores were given; expected at least one row")
    at[~fired] = number
    return Alarms(at, fired)


def draws(rng: np.random.Generator, bad_rate: float, runs: int, horizon: int) -> Iterator[Bits]:
    """Rows of independent scores, True for a bad one."""
    for _ in range(horizon):
        yield rng.random(runs) < bad_rate


def _bets(bad: npt.NDArray[np.int64], count: int, is_bad: Bits, margin_deviations: float) -> npt.NDArray[np.float64]:
    """The factors (bets, runs) of one score a run; runs whose baselines hold as many bad scores bet alike."""
    held, run = np.unique(bad, return_inverse=True)
    rates = [rate(Baseline(number, count), margin_deviations) for number in held.tolist()]
    lost, won = (np.array([factors(one, is_bad=which) for one in rates]).T[:, run] for which in (True, False))
    return np.where(is_bad, lost, won)
