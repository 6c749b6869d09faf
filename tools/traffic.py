"""The demo's traffic: composes, checks and orders the questions under ``examples/traffic``.

``python -m tools.traffic compose`` writes ``composed.jsonl`` from ``subjects.jsonl`` and ``phrasings.json``; ``check``
validates every file and prints what it holds; ``harvest`` renews ``subjects.jsonl`` from the running interpreter and
``sources.json`` (wanted only when the project moves to another Python). Everything is offline and deterministic.
``replay_order`` gives the order in which the demo asks.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tools.traffic_checks import lengths, problems
from tools.traffic_composer import compose
from tools.traffic_records import TRAFFIC, Question, feedback, lines, questions
from tools.traffic_subjects import Subject, harvest

COMPOSER_SEED = 20  # chosen: any fixed number does; another one composes other questions
FILES = ("written", "composed", "shifted")


def replay_order(written: Sequence[Question], composed: Sequence[Question], seed: int) -> list[Question]:
    """The order of the base traffic before the shift: one uniform random permutation of both files together.

    The drift detector tests whether recent traffic is exchangeable with its reference, so the base traffic must be
    exchangeable: any two stretches of it have the same distribution, and a signal before the shift is a false alarm.
    A uniform permutation of a fixed collection is exactly that. It would not be if the files followed one another, if
    a topic came in blocks, or if the turns of a session were put back in order (first turns would then come early). So
    each turn is written to stand alone, and the order of a session's turns means nothing.
    """
    order = [*written, *composed]
    random.Random(seed).shuffle(order)
    return order


def composed_questions(folder: Path = TRAFFIC) -> list[Question]:
    """The content of ``composed.jsonl``, composed anew from ``subjects.jsonl`` and ``phrasings.json`` of ``folder``."""
    rows = (folder / "subjects.jsonl").read_text(encoding="utf-8").splitlines()
    phrasings = json.loads((folder / "phrasings.json").read_text(encoding="utf-8"))
    composed = compose([Subject(**json.loads(row)) for row in rows], phrasings, COMPOSER_SEED)
    return [Question(f"c{number:04}", text, topic) for number, (text, topic) in enumerate(composed, start=1)]


def harvested_subjects(folder: Path = TRAFFIC) -> list[Subject]:
    """What this interpreter offers on the modules and classes that ``sources.json`` of ``folder`` names."""
    sources = json.loads((folder / "sources.json").read_text(encoding="utf-8"))
    return harvest(sources["modules"], sources["method_owners"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0, or 1 when ``check`` found something."""
    parser = argparse.ArgumentParser(prog="python -m tools.traffic", description="The questions of the demo.")
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
