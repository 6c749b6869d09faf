"""What people add most takes three files at most, besides tests and generated files: each is added in a copy of the tree.

Code that uses what was added runs in the copy, and the rules of the tree. A fourth file that must know of it makes one of them
fail; a list that neither reads is found by the names in it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from weir.assets.evaluator import TYPES
from weir.assets.kinds import KINDS
from weir.detectors.channels import CHANNELS

ROOT = Path(__file__).resolve().parents[2]

FILES_MAX = 3
"""Files that an addition may take."""

CHANNELS_FILE = "services/weir/detectors/channels/__init__.py"
CHANNELS_PAGE = "docs/drift.md"
SCORERS_FILE = "services/weir/evaluator/core/definition.py"
TYPES_FILE = "services/weir/assets/evaluator.py"
KINDS_FILE = "services/weir/assets/kinds.py"


@dataclass(frozen=True, slots=True)
class Like:
    """A new file, made from a neighbour by other words."""

    neighbour: str
    words: Mapping[str, str]

    def write(self, path: Path, root: Path) -> None:
        """Write it."""
        text = (root / self.neighbour).read_text()
        for before, after in self.words.items():
            text = re.sub(rf"\b{before}\b", after, text)
        path.write_text(text)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines more in a file: each stands before a text that is there once."""

    lines: Mapping[str, str]

    def write(self, path: Path, root: Path) -> None:
        """Write them. Raises AssertionError for a file that is not as expected."""
        del root
        text = path.read_text()
        for before, line in self.lines.items():
            assert text.count(before) == 1, (path, before)
            text = text.replace(before, line + before)
        path.write_text(text)


@dataclass(frozen=True, slots=True)
class New:
    """A new file."""

    text: str

    def write(self, path: Path, root: Path) -> None:
        """Write it."""
        del root
        path.write_text(self.text)


@dataclass(frozen=True, slots=True)
class Addition:
    """files: what a person writes. proof: code that uses it. rules: tests of the tree that hold such a thing to its rules.
    generators: commands that write the generated files anew."""

    files: Mapping[str, Like | Lines | New]
    proof: str
    rules: tuple[str, ...] = ()
    generators: tuple[tuple[str, ...], ...] = ()


CHANNEL = Addition(
    files={
        "services/weir/detectors/channels/breadth.py": Like(
            "services/weir/detectors/channels/length.py", {"Length": "Breadth", "length": "breadth"}
        ),
        CHANNELS_FILE: Lines(
            {
                "from weir.detectors.channels.channel import": "from weir.detectors.channels.breadth import Breadth\n",
                ")  # fmt: skip": "    Breadth(),\n",
            }
        ),
        CHANNELS_PAGE: Lines(
            {"| `latency` |": "| `breadth` | characters | both | 1.3 | longer or shorter prompts |\n"}
        ),
    },
    proof="""
from unit.drift.drift_traffic import Traffic
from weir.detectors.channels import CHANNELS
from weir.detectors.fitted import fit
from weir.detectors.outcomes import Guarantee, Signal
from weir.detectors.reference import build_reference
from weir.detectors.settings import BankSettings
from weir.drift.core.stream.sentences import fired_sentence

settings = BankSettings(min_reference_events=50, reference_events=60, max_reference_events=60)
fitted = fit(build_reference([Traffic(1).event(embedded=False) for _ in range(60)], 1), settings)
assert CHANNELS[-1].name == "breadth" and len(CHANNELS) - 1 in fitted.active

fired = Signal("warn", "breadth", Guarantee.THEOREM, "higher", 9.0, 5.0, 5e3, 7, 1, 2, (), 1)
assert fired_sentence(fired, 0, 60).startswith("The breadth of prompts (breadth) rose")
""",
)

EVALUATOR = Addition(
    files={
        "services/weir/evaluator/core/evaluators/mood.py": Like(
            "services/weir/evaluator/core/evaluators/feedback.py", {"judge": "mood"}
        ),
        SCORERS_FILE: Lines(
            {
                "from weir.evaluator.core.evaluators.pii": "from weir.evaluator.core.evaluators.mood import mood\n",
                '    "feedback":': '    "mood": lambda _: Scorer(feedback=mood),\n',
            }
        ),
        TYPES_FILE: Lines({'    "feedback":': '    "mood": NoParameters,\n'}),
    },
    proof="""
from weir.evaluator.core.definition import evaluator_of
from weir.registry.core.documents import definitions_from

SPEC = {"type": "mood", "routes": ["*"], "sample_rate": 1.0, "salt": "s"}

[one] = definitions_from([{"kind": "evaluator", "name": "moods", "version": "1", "spec": SPEC}])
assert evaluator_of(one.name, one.version, one.digest, one.body_json).scorer.feedback is not None
""",
)

KIND = Addition(
    files={
        "services/weir/assets/quota.py": Like("services/weir/assets/policy.py", {"Policy": "Quota", "policy": "quota"}),
        KINDS_FILE: Lines(
            {
                "from weir.assets.rule import": "from weir.assets.quota import Quota\n",
                "        Rule,\n": "        Quota,\n",
            }
        ),
        "services/weir/gateway/core/quota.py": New(
            "from weir.assets.quota import Quota\nfrom weir.assets.shapes import restore\n\n\n"
            "def bytes_max(body_json: str) -> int | None:\n    return restore(Quota, body_json).input_bytes_max\n"
        ),
    },
    proof="""
from weir.gateway.core.quota import bytes_max
from weir.registry.core.inventory import Inventory
from weir.registry.core.documents import definitions_from
from weir.registry.core.plan import plan

document = {"kind": "quota", "name": "small", "version": "1", "spec": {"input_bytes_max": 7}}
[change] = plan(definitions_from([document]), Inventory({}))
assert bytes_max(change.body_json) == 7
""",
)

FIELD = Addition(
    files={
        "schemas/avro/feedback-received.v1.avsc": Lines({
            "\n  ]\n}": ',\n    {"name": "place", "type": "string", "doc": "Where it was given.", "default": ""}',
        }),
        "services/weir/lineage/store/migrations/0999_place.sql": New(
            "ALTER TABLE feedback ADD COLUMN IF NOT EXISTS place String COMMENT 'Where it was given.' AFTER comment;\n"
            "ALTER TABLE feedback ADD CONSTRAINT IF NOT EXISTS storable_place CHECK isValidUTF8(place);\n"
            "CREATE OR REPLACE VIEW v_feedback AS SELECT *, event_time, stored_at FROM feedback FINAL;\n"
        ),
        "services/weir/gateway/core/completion.py": Lines({"        comment=feedback.comment": '        place="api",\n'}),
    },
    proof="""
from pathlib import Path
from harness.samples.builders import REQUEST_ID, envelope
from weir.events import FeedbackReceived, decode_body, encode_body

event = FeedbackReceived(**envelope("feedback"), request_id=REQUEST_ID, score=1.0, place="page")
assert decode_body(event.EVENT, encode_body(event)) == event
view = Path("docs/sql-columns.md").read_text().partition("## v_feedback")[2].partition("## ")[0]
assert "| place | `String` | - | Where it was given. |" in view, view
""",
    rules=("tests/contract/test_schemas.py", "tests/contract/test_storable.py"),
    generators=(("tools/schemas.py",), ("-m", "tools.sql_columns")),
)  # fmt: skip

ADDITIONS = {"channel": CHANNEL, "evaluator": EVALUATOR, "kind": KIND, "field": FIELD}


@pytest.mark.parametrize("addition", ADDITIONS.values(), ids=ADDITIONS)
def test_an_addition_takes_three_files_at_most(addition: Addition, tmp_path: Path) -> None:
    root = copy_of_tree(tmp_path)
    for name, file in addition.files.items():
        file.write(root / name, root)
    for arguments in addition.generators:
        run(root, *arguments)
    run(root, "-c", addition.proof)
    if addition.rules:
        run(root, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *addition.rules)
    assert len(addition.files) <= FILES_MAX


@pytest.mark.parametrize(
    ("names", "files"),
    [
        ([one.name for one in CHANNELS], {CHANNELS_PAGE}),
        ([type(one).__name__ for one in CHANNELS], {CHANNELS_FILE}),
        (TYPES, {SCORERS_FILE, TYPES_FILE}),
        (KINDS, set()),
        ([one.__name__ for one in KINDS.values()], {KINDS_FILE}),
    ],
    ids=["names of channels", "channels", "types of evaluators", "kinds", "types of kinds"],
)
def test_no_other_file_lists_what_there_is(names: Collection[str], files: set[str]) -> None:
    assert set(lists_of(names)) == files


def lists_of(names: Collection[str]) -> list[str]:
    """Files of services/, schemas/ and docs/ that name these, or all but one, in quotes or by an import."""
    found = [path for folder in ("services", "schemas", "docs") for path in (ROOT / folder).rglob("*.*")]
    texts = {path: path.read_text() for path in found if path.suffix in (".py", ".sql", ".avsc", ".yaml", ".md")}
    marks = [re.compile(rf'["`]{re.escape(name)}["`]|import {re.escape(name)}\n') for name in names]
    return [
        str(path.relative_to(ROOT))
        for path, text in texts.items()
        if sum(mark.search(text) is not None for mark in marks) >= len(marks) - 1
    ]


def copy_of_tree(folder: Path) -> Path:
    """What the rules read, without what was built."""
    for path in ROOT.iterdir():
        if path.is_dir() and not path.name.startswith("."):
            shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.suffix in (".md", ".toml"):
            shutil.copy(path, folder)
    return folder


def run(root: Path, *arguments: str) -> None:
    """Run a Python command in the copy, with the copy's packages. Raises AssertionError with what it wrote."""
    environment = {**os.environ, "PYTHONPATH": f"{root / 'services'}:{root / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-4_000:] + ran.stderr[-2_000:]
