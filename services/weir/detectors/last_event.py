"""The last of some events that something was true of: its number and its time."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt

from weir.state import ARRAY

IntArray = Annotated[npt.NDArray[np.int64], ARRAY]


def last_event(
    true: npt.NDArray[np.bool_], first_index: int, times_us: IntArray, before: tuple[IntArray, IntArray]
) -> tuple[IntArray, IntArray]:
    """Number and time of the last event with `true` (events, ...), for every place; `before` where there is none.

    Events are numbered from `first_index` and came at `times_us` (events or more,).
    """
    index, time_us = before
    if len(true) == 1:  # a single event is the common case, and costs a fifth of the search below
        index, time_us = index.copy(), time_us.copy()
        np.putmask(index, true[0], first_index)
        np.putmask(time_us, true[0], times_us[0])
        return index, time_us
    last = len(true) - 1 - true[::-1].argmax(axis=0)
    found = true.any(axis=0)
    return np.where(found, first_index + last, index), np.where(found, times_us[last], time_us)
