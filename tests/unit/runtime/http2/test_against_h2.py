"""Our ends against those of `h2`, and against any bytes: a part of what `make fuzz` does for minutes."""

from __future__ import annotations

import pytest

from fuzz import http2_frames, http2_peers


@pytest.mark.parametrize("seed", range(4))
def test_both_libraries_understand_the_same(seed: int) -> None:
    http2_peers.run(seed, cases=12)


@pytest.mark.parametrize("seed", range(2))
def test_any_frames_are_taken_or_end_the_connection(seed: int) -> None:
    http2_frames.run(seed, cases=250)
