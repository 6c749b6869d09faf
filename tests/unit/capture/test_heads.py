"""Heads: those of lives that are over are removed, and a file of another's stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.capture.heads import forget_heads
from weir.events.log import ProducerEpoch

pytestmark = pytest.mark.capability("X1")


def test_only_files_named_by_a_boot_epoch_are_heads(tmp_path: Path) -> None:
    for name in ("²", "٣", "x", "", "-1", f"{7:020d}", f"{8:020d}"):
        (tmp_path / f"{name}.head").touch()

    forget_heads(tmp_path, {ProducerEpoch("gateway/1", 7): None}, set())

    assert {path.stem for path in tmp_path.iterdir()} == {"²", "٣", "x", ".head", "-1", f"{7:020d}"}
