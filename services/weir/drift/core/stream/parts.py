"""Parts: where every part of a monitoring bank stands, for a person who looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weir.detectors.advisors import advice_on
from weir.detectors.bank import MonitoringBank
from weir.detectors.channels import CHANNELS, Channel
from weir.detectors.e_detector import channel_wealth
from weir.detectors.mean_ewma import LAMBDAS
from weir.detectors.monitor import bank_warn_threshold
from weir.detectors.outcomes import Guarantee

E_BANK = "e-bank"
"""Name of the average over all channels, which alone decides a page."""


@dataclass(frozen=True, slots=True)
class PartReading:
    """One statistic and the values at which it warns and pages."""

    name: str
    statistic: float
    warn_threshold: float | None
    """None where the part decides nothing by itself; so is the next."""
    page_threshold: float | None
    guarantee: str = ""
    """Where the error rate comes from."""
    changed_at_event: int | None = None
    """For an advisor, the monitored event at which it last saw a change; None for none."""


def parts_of(bank: MonitoringBank) -> list[PartReading]:
    """The e-bank, its active channels (mean wealth of each), the scales of the mean EWMA, and the advisors.

    Cost: about 5 ms, for the advisors.
    """
    fitted, wealth = bank.fitted, bank.monitor.detector.wealth
    mean = float(channel_wealth(wealth, fitted.weights).sum())
    warn = bank_warn_threshold(fitted, bank.settings)
    readings = [PartReading(E_BANK, mean, warn, bank.settings.page_arl_events, Guarantee.THEOREM)]
    alone = channel_wealth(wealth, np.array([(0.5, 0.5) if one.two_sided else (1.0, 0.0) for one in CHANNELS]))
    readings += [
        PartReading(CHANNELS[i].name, float(alone[i]), None, None, _guarantee_of(CHANNELS[i])) for i in fitted.active
    ]
    ewma, model = bank.monitor.ewma, fitted.ewma
    if ewma is not None and model is not None:
        statistics = np.square(ewma.means, dtype=np.float64).sum(axis=1)
        readings += [
            PartReading(f"mean-ewma-{scale:g}", float(statistic), float(threshold), None, Guarantee.SIMULATION)
            for scale, statistic, threshold in zip(LAMBDAS, statistics, model.thresholds, strict=True)
        ]
    readings += [
        PartReading(advice.name, advice.mean_p, None, None, advice.guarantee, advice.changed_index)
        for advice in advice_on(bank.monitor.advised, bank.monitor.index)
    ]
    return readings


def _guarantee_of(channel: Channel) -> str:
    return str(Guarantee.THEOREM) if channel.weight else "none: its events are not independent; shown only"
