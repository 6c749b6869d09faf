"""The demo's traffic: composed reproducibly, sound as committed, replayed in an exchangeable order."""

from __future__ import annotations

import importlib
import inspect
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from demo.traffic import corpus as traffic
from demo.traffic.__main__ import main
from demo.traffic.checks import lengths, problems
from demo.traffic.composer import QUOTAS, compose, normal_form
from demo.traffic.order import replay_order
from demo.traffic.records import TRAFFIC, Feedback, Question, feedback, lines, questions
from demo.traffic.subjects import Subject

FILES = {name: questions(name) for name in traffic.FILES}
BASE = Question("w0001", "What does yield do?", "generators")


def test_composed_file_is_what_the_composer_writes() -> None:
    assert lines(traffic.composed_questions()) == (TRAFFIC / "composed.jsonl").read_text(encoding="utf-8")


def test_committed_files_are_sound() -> None:
    assert problems(FILES, feedback()) == []


def test_every_quota_is_filled() -> None:
    assert len(FILES["composed"]) == sum(QUOTAS.values())


def test_composed_questions_use_many_phrasings_and_topics() -> None:
    assert len({question.topic for question in FILES["composed"]}) > 100
    first_words = Counter(" ".join(question.text.split()[:3]) for question in FILES["composed"])
    assert max(first_words.values()) < len(FILES["composed"]) / 10


def test_written_and_composed_questions_are_about_equally_long() -> None:
    written, composed = lengths(FILES["written"]), lengths(FILES["composed"])
    assert abs(written.mean_words - composed.mean_words) < 1
    assert abs(written.sd_words - composed.sd_words) < 1


@pytest.mark.slow
def test_harvest_is_deterministic_and_names_things_that_exist() -> None:
    found = traffic.harvested_subjects()
    assert found == traffic.harvested_subjects()
    functions = [s.slots["function"] for s in found if s.kind == "function" and s.topic != "builtins"]
    for name in functions:
        module_name, _, attribute = name.rpartition(".")
        assert inspect.isroutine(getattr(importlib.import_module(module_name), attribute)), name


def test_composition_needs_enough_subjects() -> None:
    phrasings = {kind: ["What is {word}?"] for kind in QUOTAS} | {"opener": ["Hi!"], "closer": ["Thanks!"]}
    with pytest.raises(ValueError, match="'function' gives 1 distinct questions"):
        compose([Subject("function", "builtins", {"word": "len"})], phrasings, seed=1)


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_replay_is_a_permutation_fixed_by_its_seed(seed: int) -> None:
    written, composed = FILES["written"], FILES["composed"]
    order = replay_order(written, composed, seed)
    assert order == replay_order(written, composed, seed)
    assert Counter(order) == Counter([*written, *composed])
    assert order != replay_order(written, composed, seed + 1)


def test_every_position_of_the_replay_holds_a_written_question_equally_often() -> None:
    written, composed = FILES["written"][:10], FILES["composed"][:30]
    orders = [replay_order(written, composed, seed) for seed in range(400)]
    shares = [sum(order[position] in written for order in orders) / len(orders) for position in range(40)]
    # Binomial with p = 0.25 and n = 400 has a standard deviation of 0.022; four of them hold for 40 positions.
    assert all(abs(share - 0.25) < 4 * 0.022 for share in shares)


def test_normal_form_ignores_case_and_white_space() -> None:
    assert normal_form(" What  IS\tthis? ") == normal_form("what is this?")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (replace(BASE, text="Too short"), "10 to 600"),
        (replace(BASE, text="x" * 601), "10 to 600"),
        (replace(BASE, text=" padded question? "), "stray white space"),
        (replace(BASE, text="Is bob.fake@example.com an address?"), "contains_fake_pii"),
        (replace(BASE, contains_fake_pii=True), "contains_fake_pii"),
        (replace(BASE, shift="topic", lang="en"), "do not fit"),
        (replace(BASE, session="s99"), "session s99 has 1 turns"),
        (replace(BASE, id="w0002"), "id w0002 occurs more than once"),
        (replace(BASE, text=FILES["shifted"][0].text.upper()), "asked more than once"),
        (replace(BASE, id="w9999"), "written is not sorted"),
    ],
)
def test_a_wrong_question_is_reported(row: Question, words: str) -> None:
    found = problems({**FILES, "written": [row, *FILES["written"][1:]]}, [])
    assert any(words in problem for problem in found), found


def test_too_few_questions_are_reported() -> None:
    found = problems({**FILES, "shifted": FILES["shifted"][:299]}, [])
    assert found == ["shifted has 299 questions, at least 300 are wanted"]


def test_wrong_feedback_is_reported() -> None:
    given = [Feedback("w9999", 1, ""), Feedback("w0001", 0, ""), Feedback("w0001", 1, "")]
    assert len(problems(FILES, given)) == 3


def test_a_row_of_another_shape_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "written.jsonl").write_text('{"id": "w0001", "text": 5, "colour": "red"}\n')
    with pytest.raises(ValueError, match=r"written.jsonl:1: missing keys \['topic'\].*\['text'\].*\['colour'\]"):
        questions("written", tmp_path)


def test_check_prints_the_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert f"shifted: {len(FILES['shifted'])} questions" in capsys.readouterr().out


def test_compose_writes_the_committed_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(TRAFFIC, tmp_path / "traffic")
    committed = (folder / "composed.jsonl").read_bytes()
    (folder / "composed.jsonl").unlink()
    monkeypatch.setattr("demo.traffic.__main__.TRAFFIC", folder)
    assert main(["compose"]) == 0
    assert (folder / "composed.jsonl").read_bytes() == committed
