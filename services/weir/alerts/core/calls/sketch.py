"""Sketch: quantiles of durations in bounded memory, with a stated error: DDSketch, of Datadog's library.

Why a sketch and not the durations themselves: the size does not grow with the calls, parts of a window merge exactly, and
the result depends on the durations alone, not on their order. A quantile differs from the true one by 1 % of it at most
(Masson, Rim, Lee: DDSketch, PVLDB 12, 2019), because every duration is held within the range whose bins all fit. A part keeps
the count of each bin of the library's mapping; the library's sketch of them gives the quantile.
"""

from __future__ import annotations

from collections.abc import Mapping

from ddsketch import DDSketch
from ddsketch.mapping import LogarithmicMapping

ERROR_SHARE = 0.01
"""Largest relative error of a quantile: nobody acts differently at 505 ms than at 500 ms."""

DURATION_MS_MIN, DURATION_MS_MAX = 0.01, 86_400_000.0
"""Durations are held within these, milliseconds: ten microseconds and a day, which take 1,145 bins."""

MAPPING = LogarithmicMapping(ERROR_SHARE)


def bin_of(duration_ms: float) -> int:
    """The bin of a duration, milliseconds."""
    return MAPPING.key(min(max(duration_ms, DURATION_MS_MIN), DURATION_MS_MAX))


BIN_MIN, BIN_MAX = bin_of(DURATION_MS_MIN), bin_of(DURATION_MS_MAX)


def quantile_ms(bins: Mapping[int, int], share: float) -> float:
    """The duration below which a share of the counted ones lies, milliseconds; there is one at least."""
    sketch = DDSketch(ERROR_SHARE)
    for number, count in bins.items():
        sketch.add(MAPPING.value(number), count)
    found = sketch.get_quantile_value(share)
    assert found is not None, "an empty sketch has no quantile"
    return float(found)
