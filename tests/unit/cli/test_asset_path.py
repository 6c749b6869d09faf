"""Asset paths: any word is one segment of the URL or is refused by name."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from weir.cli.__main__ import app
from weir.cli.asset_path import ELSEWHERE, asset_path
from weir.cli.output import CliError, ExitCode


@given(words=st.lists(st.text(max_size=8), min_size=2, max_size=4))
def test_every_word_comes_back_as_its_own_segment_or_is_refused(words: list[str]) -> None:
    bad = [word for word in words if word in ELSEWHERE or "/" in word]
    if bad:
        with pytest.raises(CliError, match=re.escape(repr(bad[0]))):
            asset_path(*words)
    else:
        assert [unquote(segment) for segment in asset_path(*words).split("/")[3:]] == words


@pytest.mark.parametrize(
    "words", [("asset", "show", "chain", "../../admin"), ("asset", "alias", "chain", "docs-qa", "../x", "1")]
)
def test_a_name_that_leads_elsewhere_is_refused_before_anybody_is_asked(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, list(words))

    assert isinstance(done.exception, CliError)
    assert done.exception.code is ExitCode.INVALID


def test_a_range_of_history_that_ends_before_it_begins_is_refused() -> None:
    done = CliRunner().invoke(app, ["asset", "history", "--since", "1h", "--until", "2h"])

    assert isinstance(done.exception, CliError)
    assert "is not before" in str(done.exception)
