"""`python -m demo.traffic compose|check|harvest`: the questions under `examples/traffic`, made and checked. Offline.

`compose` writes `composed.jsonl` from `subjects.jsonl` and `phrasings.json`; `check` validates every file and prints what it
holds; `harvest` renews `subjects.jsonl` from the running interpreter and `sources.json` (wanted only when the project moves to
another Python).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from demo.traffic.checks import lengths, problems
from demo.traffic.corpus import FILES, composed_questions, harvested_subjects
from demo.traffic.records import TRAFFIC, feedback, lines, questions


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0, or 1 when ``check`` found something."""
    parser = argparse.ArgumentParser(prog="python -m demo.traffic", description="The questions of the demo.")
    parser.add_argument("command", choices=("compose", "check", "harvest"))
    command = parser.parse_args(arguments).command
    if command == "check":
        return _check()
    if command == "compose":
        (TRAFFIC / "composed.jsonl").write_text(lines(composed_questions()), encoding="utf-8")
    else:
        rows = (json.dumps(asdict(subject), ensure_ascii=False) + "\n" for subject in harvested_subjects())
        (TRAFFIC / "subjects.jsonl").write_text("".join(rows), encoding="utf-8")
    return 0


def _check() -> int:
    files = {name: questions(name) for name in FILES}
    for name, file in files.items():
        found = lengths(file)
        print(f"{name}: {found.count} questions, {found.mean_words:.1f} words on average, sd {found.sd_words:.1f}")
    wrong = problems(files, feedback())
    for problem in wrong:
        print(problem, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
