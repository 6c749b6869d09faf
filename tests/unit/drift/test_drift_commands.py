"""What `weir drift` says of a stream that is not there: the command that lists those that are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.docs.named_commands import problem_with
from harness.http.boundary_client import TOKEN
from harness.http.page_server import pages
from unit.drift.drift_envelopes import LIMITS, SMALL, Log
from weir.cli.__main__ import app
from weir.cli.output import CliError, ExitCode
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.api.routes import routes
from weir.drift.app import Drift


@pytest.fixture
def drift_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A drift service without a stream, which the commands find."""
    files = FileCheckpoints(tmp_path / "checkpoints")
    with pages(routes(Drift(files, Log(), SMALL, LIMITS), LIMITS.streams_max)) as url:
        monkeypatch.setenv("WEIR_DRIFT_URL", url)
        monkeypatch.setenv("WEIR_HTTP_TOKEN", TOKEN)
        yield url
    files.close()


@pytest.mark.usefixtures("drift_url")
@pytest.mark.parametrize("command", ["accept", "dismiss", "clusters"])
def test_a_stream_that_is_unknown_is_answered_with_the_command_that_lists_them(command: str) -> None:
    error = CliRunner().invoke(app, ["drift", command, "--tenant", "demo", "--route", "nowhere"]).exception

    assert isinstance(error, CliError)
    assert error.code is ExitCode.NOT_FOUND
    hinted, _, path = error.hint.partition(", or ")
    assert (hinted, path) == ("weir drift status", "GET /v1/streams")
    assert problem_with(hinted) == ""
    assert CliRunner().invoke(app, hinted.split()[1:]).exit_code == 0
