"""The log of a container run holds what every command said, also of one that failed or was ended."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from containers.telling import StepFailed, Teller

SPEAKS_AND_HANGS = (
    "import sys, time; print('pulled 3 of 9', flush=True); print('slow', file=sys.stderr, flush=True); time.sleep(60)"
)
SPEAKS_AND_FAILS = "import sys; print('pulled 3 of 9'); sys.exit('no such image')"


@pytest.mark.parametrize(
    ("program", "timeout_s", "how", "said"),
    [
        (SPEAKS_AND_HANGS, 2.0, "took more than 2 s", "slow"),
        (SPEAKS_AND_FAILS, 60.0, "ended with 1", "no such image"),
    ],
    ids=["ended", "failed"],
)
def test_what_a_command_said_before_it_failed_is_in_the_log_and_in_the_error(
    tmp_path: Path, program: str, timeout_s: float, how: str, said: str
) -> None:
    teller = Teller(1, tmp_path / "log.txt")

    with pytest.raises(StepFailed) as raised:
        teller.run([sys.executable, "-c", program], timeout_s=timeout_s)

    for text in (str(raised.value), (tmp_path / "log.txt").read_text()):
        assert "pulled 3 of 9" in text
        assert said in text
    assert how in str(raised.value)


def test_what_a_command_said_that_ended_well_is_in_the_log(tmp_path: Path) -> None:
    teller = Teller(1, tmp_path / "log.txt")

    assert teller.run([sys.executable, "-c", "print('done')"], timeout_s=60) == "done\n"

    assert "done" in (tmp_path / "log.txt").read_text()
