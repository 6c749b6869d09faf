"""What a run broke off in the middle, or made from other inputs, is made anew; what is whole is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from containers.stamp import Stamp


def test_only_what_was_made_whole_from_the_same_inputs_is_current(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path / "base.tar", ("suite", "a"))
    stamp.made.write_text("somebody's")
    assert not stamp.is_current

    with stamp.making():
        assert not stamp.is_current

    assert stamp.is_current
    assert not Stamp(stamp.made, ("suite", "b")).is_current
    assert not Stamp(stamp.made, ("suitea",)).is_current
    stamp.made.unlink()
    assert not stamp.is_current


def test_a_making_that_breaks_off_takes_the_stamp_of_the_one_before(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path / "programs", ("a",))
    stamp.made.mkdir()
    with stamp.making():
        pass

    with pytest.raises(KeyboardInterrupt), Stamp(stamp.made, ("b",)).making():
        raise KeyboardInterrupt

    assert not stamp.is_current
