"""The order in which the demo asks."""

from __future__ import annotations

import random
from collections.abc import Sequence

from demo.traffic.records import Question


def replay_order(written: Sequence[Question], composed: Sequence[Question], seed: int) -> list[Question]:
    """The order of the base traffic before the shift: one uniform random permutation of both files together.

    The drift detector tests whether recent traffic is exchangeable with its reference, so the base traffic must be
    exchangeable: any two stretches of it have the same distribution, and a signal before the shift is a false alarm.
    A uniform permutation of a fixed collection is exactly that. It would not be if the files followed one another, if
    a topic came in blocks, or if the turns of a session were put back in order (first turns would then come early). So
    each turn is written to stand alone, and the order of a session's turns means nothing.
    """
    order = [*written, *composed]
    random.Random(seed).shuffle(order)
    return order
