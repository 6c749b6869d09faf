"""Write docs/capabilities.md, or compare it.

    python -m tools.capabilities --expected          write the page that a run will show in which every marked test passes
    python -m tools.capabilities --expected --check  exit 1 when the committed page is another
    python -m tools.capabilities --check             exit 1 when the last whole run proves less, or more, than the page says

Nothing is written and the exit code is 1 where the list claims another state than the tests give.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import json
import pathlib
import sys
from collections.abc import Iterable, Sequence

import pytest
from tools.capabilities.marks import claim_in
from tools.capabilities.page import counts, page
from tools.capabilities.rows import LIST, rows_of
from tools.capabilities.states import PASSED, Outcome, contradictions, proofs_of, with_those_not_run

ROOT = LIST.parents[1]
PAGE = ROOT / "docs" / "capabilities.md"
RESULTS = ROOT / ".weir" / "tests" / "results.json"
LINES_SHOWN_MAX = 20
"""Lines of the difference that are printed: enough to see which rows, without filling a screen."""


class UnreadableTests(Exception):
    """pytest could not collect the tests; the message holds its output."""


class Collected:
    """A pytest plugin that keeps the capability marks of every collected test, as if it had passed."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read what `tests/harness/results.py` put on the tests."""
        self.outcomes = [
            Outcome(claim.capability, item.nodeid, claim.is_check, PASSED, claim.clause)
            for item in session.items
            for name, value in item.user_properties
            if (claim := claim_in(name, value)) is not None
        ]


def main(arguments: Sequence[str]) -> int:
    """Write the page, or compare it. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--expected", action="store_true", help="take every marked test as passed; needs no run")
    parser.add_argument("--check", action="store_true", help="compare the committed page, write nothing")
    options = parser.parse_args(arguments)
    rows = rows_of(LIST.read_text())
    marked = expected_outcomes()
    proofs = proofs_of(marked if options.expected else with_those_not_run(outcomes_of_the_last_run(), marked))
    if wrong := contradictions(rows, proofs):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    text = page(rows, proofs)
    if options.check:
        return _compare(PAGE.read_text() if PAGE.exists() else "", text)
    PAGE.write_text(text)
    print(f"wrote {PAGE.relative_to(ROOT)}: {counts(rows)}")
    return 0


def expected_outcomes() -> list[Outcome]:
    """Every marked test of the repository as passed. Raises UnreadableTests when pytest cannot collect them."""
    plugin = Collected()
    options = ["--collect-only", "-qq", "-p", "no:cacheprovider", "--rootdir", str(ROOT), str(ROOT / "tests")]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main(options, plugins=[plugin])
    if code:
        raise UnreadableTests(f"pytest could not collect the tests (exit code {int(code)}):\n{said.getvalue()}")
    return plugin.outcomes


def outcomes_of_the_last_run(results: pathlib.Path = RESULTS) -> Iterable[Outcome]:
    """What the last whole run wrote down. Raises FileNotFoundError before the first."""
    return [Outcome(**found) for found in json.loads(results.read_text())["capabilities"]]


def _compare(committed: str, found: str) -> int:
    if committed == found:
        return 0
    difference = difflib.unified_diff(
        committed.splitlines(), found.splitlines(), "committed", "found", n=0, lineterm=""
    )
    print("\n".join([*difference][:LINES_SHOWN_MAX]), file=sys.stderr)
    print("docs/capabilities.md is stale; run 'make capabilities' and commit it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
