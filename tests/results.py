"""What a test run proved: counts per level, and the capabilities whose tests passed.

A pytest plugin (named in conftest.py). It prints one line per level at the end of the run and adds what was proved to
`.weir/tests/results.json`, from which `tools/capabilities.py` makes docs/capabilities.md. A whole run is several runs of
pytest, some of them with workers: capability ids travel on the reports, and each run adds to the file.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections import Counter, defaultdict
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / ".weir" / "tests" / "results.json"
LEVELS = ("unit", "contract", "integration", "e2e", "chaos", "bench")


class Results:
    """Collects outcomes while the run goes on."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.capabilities: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the capability ids of each test on its reports, which come from workers too."""
        for item in items:
            item.user_properties += [
                ("capability", str(id_)) for mark in item.iter_markers("capability") for id_ in mark.args
            ]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: by its call, or by its set-up when that already failed or skipped."""
        if report.when != "call" and report.outcome == "passed":
            return
        parts = pathlib.PurePath(report.nodeid.split("::")[0]).parts
        level = parts[1] if len(parts) > 1 and parts[1] in LEVELS else "other"
        self.counts[level][report.outcome] += 1
        for name, capability in report.user_properties:
            if name == "capability":
                self.capabilities[str(capability)][report.nodeid.split("[")[0]] = report.outcome

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
        before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"levels": {}, "capabilities": {}}
        levels = {**before["levels"], **self.counts}
        proved = {id_: {**before["capabilities"].get(id_, {}), **tests} for id_, tests in self.capabilities.items()}
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        found = {"levels": levels, "capabilities": {**before["capabilities"], **proved}}
        RESULTS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
