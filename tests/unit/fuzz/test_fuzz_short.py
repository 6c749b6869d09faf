"""A short part of `make fuzz` in every test run, and the runner itself: it must be able to find something."""

from __future__ import annotations

import pytest

from fuzz import __main__ as fuzzing

CASES = 40
"""Inputs of each fuzzer here; the whole run has thousands."""

SEED = 0


@pytest.mark.parametrize("name", fuzzing.fuzzers())
@pytest.mark.slow
def test_a_short_round_finds_nothing(name: str) -> None:
    assert fuzzing.main([name, "--seed", str(SEED), "--cases", str(CASES)]) == 0


def test_a_finding_ends_the_run_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(fuzzing, "fuzzers", lambda: ["no_such_fuzzer"])

    assert fuzzing.run_all(1, 1, 0.01) == 1
    assert "no_such_fuzzer, seed 1: exit" in capsys.readouterr().out


def test_a_hang_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "ROUND_TIMEOUT_S", 0.01)

    assert "hangs" in fuzzing.one_round(fuzzing.fuzzers()[0], 1, 1)
