"""What a test run proved: counts per level, and the capabilities whose tests passed.

A pytest plugin (named in conftest.py). It prints one line per level at the end of the run and adds what was proved to
`.weir/tests/results.json`, with which `tools/capabilities` compares docs/capabilities.md. A whole run is several runs of
pytest, some of them with workers: capability ids travel on the reports, and each run adds to the file.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections import Counter, defaultdict
from dataclasses import asdict
from typing import Any

import pytest
from tools.capabilities.marks import Claim, claim_in, claims_of
from tools.capabilities.rows import committed_clauses

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".weir" / "tests" / "results.json"
LEVELS = ("unit", "contract", "docs", "integration", "e2e", "chaos", "bench")


class Results:
    """Collects outcomes while the run goes on. written: where a whole run adds what it proved."""

    def __init__(self, written: pathlib.Path = RESULTS) -> None:
        self.written = written
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.proofs: dict[tuple[Claim, str], str] = {}
        """(what is claimed, test with its parameters) -> outcome."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the capability ids of each test on its reports, which come from workers too; refuse unknown ids."""
        for item in items:
            try:
                claims = claims_of(item.iter_markers("capability"), committed_clauses())
            except ValueError as error:
                raise pytest.UsageError(f"{item.nodeid}: {error}") from error
            item.user_properties += sorted(claim.report_property for claim in claims)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: by its call, or by its set-up when that already failed or skipped."""
        if report.when != "call" and report.outcome == "passed":
            return
        parts = pathlib.PurePath(report.nodeid.split("::")[0]).parts
        level = parts[1] if len(parts) > 1 and parts[1] in LEVELS else "other"
        self.counts[level][report.outcome] += 1
        for name, value in report.user_properties:
            if (claim := claim_in(name, value)) is not None:
                self.proofs[claim, report.nodeid] = report.outcome

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the count of tests per level."""
        for level in (*LEVELS, "other"):
            if level in self.counts:
                numbers = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.counts[level].items()))
                terminalreporter.write_line(f"level {level:12} {numbers}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Add what was proved to what runs before this one did; a run of some tests proves nothing about the rest."""
        if "WEIR_WHOLE_RUN" not in os.environ or hasattr(session.config, "workerinput"):
            return
        before = json.loads(self.written.read_text()) if self.written.exists() else {"capabilities": []}
        found = {"capabilities": self._with_earlier(before["capabilities"])}
        self.written.parent.mkdir(parents=True, exist_ok=True)
        self.written.write_text(json.dumps(found, indent=1) + "\n")

    def _with_earlier(self, earlier: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What this and earlier runs proved; a test that ran again counts as it ended now."""
        before = {
            (Claim(proof["capability"], proof["is_check"], proof["clause"]), proof["node"]): proof["outcome"]
            for proof in earlier
        }
        return [
            {**asdict(claim), "node": node, "outcome": outcome}
            for (claim, node), outcome in sorted({**before, **self.proofs}.items())
        ]
