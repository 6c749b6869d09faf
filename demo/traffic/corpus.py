"""The question files of the demo, and what they are made from."""

from __future__ import annotations

import json
from pathlib import Path

from demo.traffic.composer import compose
from demo.traffic.records import TRAFFIC, Question
from demo.traffic.subjects import Subject, harvest

COMPOSER_SEED = 20  # chosen: any fixed number does; another one composes other questions
FILES = ("written", "composed", "shifted")


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
