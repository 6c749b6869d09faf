"""Blame: how much of an alarm's evidence came from each version of each asset, and from each tenant.

Every event multiplies the wealth of a bet by some factor; the logarithms of these factors, summed over the events since
the change, are the alarm's evidence in nats, and they add up over any grouping. So a later step can ask which prompt,
chain, model or dataset version the evidence sits on with one GROUP BY, over one stream or over many. A sum is no proof:
an asset that all calls share gets all of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from weir.detectors.channels import CHANNELS
from weir.detectors.e_detector import log_bets
from weir.detectors.explain import DIRECTIONS
from weir.detectors.reference import FloatArray
from weir.drift.core.evidence import Evidence
from weir.events import EvidenceSum

BLAME_MAX = 20
"""Entries of a signal (chosen: four versions each of five kinds)."""


def evidence_of(events: Sequence[Evidence], part: str, direction: str, slack: FloatArray) -> FloatArray:
    """Log factors (events,) of the bet that gained most on `events`, among those of the part that fired.

    part, direction: of the signal. A part without bets (the mean EWMA) leaves the choice to all channels and sides.
    slack (channels, 2): as in `Fitted`. Events that the channel skipped add 0.
    """
    if not events:
        return np.zeros(0)
    factors = np.nan_to_num(log_bets(np.stack([event.p for event in events]), slack))
    names = [channel.name for channel in CHANNELS]
    if part in names and direction in DIRECTIONS:
        at, side = names.index(part), DIRECTIONS.index(direction)
        factors = factors[:, at : at + 1, side : side + 1]
    flat = factors.reshape(len(events), -1)
    return np.asarray(flat[:, int(flat.sum(axis=0).argmax())])


def blame_of(events: Sequence[Evidence], factors: FloatArray, tenant: str) -> tuple[EvidenceSum, ...]:
    """Sums of `factors` (events,) by tenant and by asset, most evidence first."""
    sums: dict[tuple[str, str, str, str], float] = defaultdict(float)
    counts: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for event, factor in zip(events, factors.tolist(), strict=True):
        assets = {(asset.kind, asset.name, asset.version, asset.digest) for asset in event.assets}
        for key in (("tenant", tenant, "", ""), *sorted(assets)):
            sums[key] += factor
            counts[key] += 1
    ranked = sorted(sums, key=lambda key: (-sums[key], key))
    return tuple(
        EvidenceSum(kind=key[0], name=key[1], version=key[2], digest=key[3], log_e=sums[key], events=counts[key])
        for key in ranked[:BLAME_MAX]
    )
