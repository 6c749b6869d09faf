"""Cells: every change that is measured, and the bar that issue 5 sets for it ("Must show" 2 and 3).

A cell is a pool of changed texts and a profile: with which probability an event is a changed one, for every event since
the change. The same cells are measured on both bases; the bars are for the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .streams import Floats

CHANGE_AT = 500
"""Normal events before the change."""

RAMP_EVENTS, RAMP_TOP = 3_000, 0.3
RECURRING_ON, RECURRING_OFF, RECURRING_MIX = 200, 400, 0.2
TENANTS = 4
"""Tenants with equal traffic where one of them changes."""

_HORIZONS = {1.0: 1_000, 0.3: 3_000, 0.1: 4_000, 0.05: 4_000, 0.02: 6_000, 0.01: 6_000}


@dataclass(frozen=True, slots=True)
class Cell:
    """`mix` is the share of changed events, of the top for a ramp; `bar` the most events the median delay may take."""

    pool: str
    kind: str
    mix: float
    bar: float | None = None
    page_bar: float | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        share = f"{self.mix:.0%}" if self.mix * 100 == round(self.mix * 100) else f"{self.mix:.1%}"
        return f"{self.pool} {share}" if self.kind == "constant" else f"{self.pool} {self.kind} {share}"

    @property
    def profile(self) -> Floats:
        """Probability of a changed event, for every event from the change to the horizon."""
        if self.kind == "ramp":
            return np.minimum(np.arange(1, RAMP_EVENTS + 1_001) / RAMP_EVENTS, 1.0) * self.mix
        if self.kind == "recurring":
            return np.tile(np.repeat([self.mix, 0.0], [RECURRING_ON, RECURRING_OFF]), 7)
        return np.full(_HORIZONS.get(self.mix, 4_000), self.mix)


def _constant(mix: float, bars: dict[str, float | None], page_bars: dict[str, float] | None = None) -> list[Cell]:
    return [Cell(pool, "constant", mix, bar, (page_bars or {}).get(pool)) for pool, bar in bars.items()]


CELLS: tuple[Cell, ...] = (
    *_constant(
        1.0,
        {"near": 25, "middle": None, "far": 5, "narrow": None, "language": 5, "synonym": 15, "template": 10,
         "truncated": 5, "concatenated": 5},
    ),
    *_constant(
        0.3,
        {"near": 60, "middle": None, "far": None, "narrow": 15, "language": None, "synonym": 60, "template": 30,
         "truncated": 25, "concatenated": None},
    ),
    *_constant(
        0.1,
        {"near": 400, "middle": 200, "far": 60, "narrow": None, "language": 60, "synonym": 260, "template": 120,
         "truncated": None, "concatenated": None},
        {"far": 100},
    ),
    *_constant(0.05, {"middle": None, "far": 150, "narrow": None, "language": None}, {"far": 280}),
    *_constant(0.02, {"far": 450, "narrow": 450}),
    *_constant(0.01, {"narrow": 1_200}),
    *(Cell(pool, "ramp", RAMP_TOP) for pool in ("near", "middle", "far", "narrow", "language", "synonym", "template")),
    Cell("near", "recurring", RECURRING_MIX),
    Cell("near", "one tenant of four", RAMP_TOP / TENANTS),
)  # fmt: skip
"""Every cell. The last is one bank over all tenants; a bank for each tenant has the cell `near 30%` on a quarter of the
traffic.
"""

ARL_TARGET, PAGE_ARL_TARGET = 5_000, 100_000
ARL_AT_MOST = 15_000
"""A stricter bank wastes its budget."""

SESSION_ARL_SHARE = 0.7
"""Of the target, in turns that enter: the least that session traffic must keep, one turn a session."""
