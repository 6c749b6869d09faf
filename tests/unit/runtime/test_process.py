"""A process: how its memory is looked after."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from weir.runtime.process import YOUNG_OBJECTS, spare_collector


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_what_is_loaded_is_looked_at_no_more_and_cycles_made_later_are_still_found() -> None:
    spare_collector()

    assert gc.get_freeze_count() > YOUNG_OBJECTS
    assert gc.get_threshold()[0] == YOUNG_OBJECTS
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 1
