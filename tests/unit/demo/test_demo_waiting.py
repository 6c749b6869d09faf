"""Waiting ends with what was found, or with a sentence about what was missing; the clone's age is told honestly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.clone_time import clone_time_s, seconds_since_clone
from harness.waiting import NeverHappened, eventually, is_reached


def test_the_first_find_ends_the_wait() -> None:
    finds = iter([None, False, "found"])
    assert eventually(lambda: next(finds), within_s=10.0, what="a find", look_s=0.0) == "found"


def test_a_passed_deadline_names_what_was_missing() -> None:
    with pytest.raises(NeverHappened, match="the trace of call 7: not within 0 s"):
        eventually(lambda: None, within_s=0.0, what="the trace of call 7")


def test_a_state_that_is_not_reached_is_told_without_an_error() -> None:
    assert not is_reached(lambda: False, within_s=0.0)
    assert is_reached(lambda: True, within_s=0.0)


def test_a_given_clone_time_wins(tmp_path: Path) -> None:
    assert clone_time_s(tmp_path, "1000.5") == 1000.5


def test_the_clone_is_as_old_as_gits_description_file(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "description").write_text("x")
    os.utime(tmp_path / ".git" / "description", (500, 500))
    assert clone_time_s(tmp_path, "") == 500


def test_without_git_the_clone_time_is_unknown(tmp_path: Path) -> None:
    assert clone_time_s(tmp_path, "") is None
    assert seconds_since_clone(None, 10.0) is None


@pytest.mark.parametrize(("now_s", "age_s"), [(560.0, 60.0), (10_000.0, None), (400.0, None)])
def test_only_a_fresh_clone_has_an_age(now_s: float, age_s: float | None) -> None:
    assert seconds_since_clone(500.0, now_s) == age_s
