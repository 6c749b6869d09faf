"""`weir trace`: a call that did not end well is shown with its outcome and error, and found by an outcome that there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from harness.samples.builders import completed
from weir.cli.__main__ import app
from weir.cli.commands_store import OUTCOMES, trace_search
from weir.cli.output import CliError, ExitCode

Put = Callable[..., None]
RUNNER = CliRunner()


@pytest.mark.usefixtures("lineage")
def test_a_trace_shows_the_outcome_and_the_error_of_a_call_that_failed(put: Put) -> None:
    good, error = completed(0), {"error_type": "upstream_error", "error_message": "no memory\x1b[31m left"}
    bad = completed(1, trace_id="b" * 32, outcome="failed", **error)
    put("inference-responses", good, bad)

    shown = RUNNER.invoke(app, ["trace", "show", bad.request_id]).stdout.splitlines()
    shown_of_good = RUNNER.invoke(app, ["trace", "show", good.request_id]).stdout

    head, row = (line.split() for line in shown[-2:])
    assert head == ["request", "id", "outcome", "error", "type", "error", "message"]
    assert row == [bad.request_id, "failed", "upstream_error", "no", "memory[31m", "left"]
    assert "outcome" not in shown_of_good


@pytest.mark.usefixtures("lineage")
def test_a_search_without_a_match_says_so(put: Put, capsys: pytest.CaptureFixture[str]) -> None:
    put("inference-responses", completed(0))

    trace_search(outcome="cancelled")
    assert capsys.readouterr().out == "no call matches\n"

    trace_search(outcome="ok")
    assert completed(0).request_id in capsys.readouterr().out


def test_an_outcome_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(CliError, match=f"--outcome is 'okk'; expected one of: {', '.join(OUTCOMES)}") as refused:
        trace_search(outcome="okk")

    assert refused.value.code is ExitCode.USAGE
