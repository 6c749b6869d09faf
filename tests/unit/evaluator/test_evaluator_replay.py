"""Killed and started again, the evaluator says what one that was never killed says, under the same ids."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import DIGEST, NOON_US, completed, envelope
from weir.evaluator.adapters.subjects_file import SubjectsFile
from weir.evaluator.app import OUT_TOPIC, Evaluation
from weir.events import (
    EvaluationScored,
    Event,
    FeedbackReceived,
    RegistryChanged,
    canonical_json,
    encode_body,
    named_id,
)
from weir.events.log import RawMessage
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.span_log import Recorded

pytestmark = pytest.mark.capability("X1")
SUBJECTS_MAX = 10
DAY_US = 86_400_000_000
SPECS = {
    "length": {"type": "length", "routes": ["*"], "sample_rate": 0.5, "salt": "s"},
    "thumbs": {"type": "feedback", "routes": ["docs-qa"], "threshold": 0.5, "sample_rate": 1.0, "salt": "s"},
}


def feedback(seq: int) -> FeedbackReceived:
    return FeedbackReceived(
        **envelope("feedback", seq), request_id=named_id(NOON_US, f"request {seq}"), score=-1.0, label="thumbs_down"
    )


EVENTS: list[Event] = [*(completed(seq) for seq in range(8)), *(feedback(seq) for seq in range(8))]


async def evaluated(
    kafka: MockKafka, folder: Path, events: Sequence[Event], life: str, specs: Mapping[str, dict[str, Any]] = SPECS
) -> None:
    """One life of the evaluator: reads the registry, handles the events, and is gone without a word."""
    link = kafka.link(folder / life, "evaluator")
    await link.producer.start(asyncio.Event())
    memory = SubjectsFile(folder / "subjects.db", SUBJECTS_MAX)
    evaluation = Evaluation(link, SUBJECTS_MAX, asyncio.Event(), memory, list[Recorded]().append)
    for name, spec in specs.items():
        evaluation.apply(
            RegistryChanged(
                **envelope("registry"), revision=1, change="alias_moved", kind="evaluator", name=name, version="1",
                digest=DIGEST, alias="prod", body_json=canonical_json(spec), author="me",
            )
        )  # fmt: skip
    for offset, event in enumerate(events):
        await evaluation.handle(Received(RawMessage("any", 0, offset, None, encode_body(event), NOON_US), event))
    memory.close()
    await link.close()


def said(kafka: MockKafka) -> dict[str, tuple[object, ...]]:
    """What each score says, by id; a score that said two things would fail here."""
    found: dict[str, tuple[object, ...]] = {}
    for one in kafka.events(OUT_TOPIC):
        assert isinstance(one, EvaluationScored)
        words = (one.request_id, one.response_event_id, one.route, one.evaluator, one.score, one.event_time_us)
        assert found.setdefault(one.event_id, words) == words
    return found


@pytest.mark.parametrize("cut", [0, 3, 8, 9, 12, len(EVENTS)])
@pytest.mark.slow
async def test_a_kill_at_any_message_changes_no_score_and_no_id(tmp_path: Path, cut: int) -> None:
    whole, killed = MockKafka(), MockKafka()
    await evaluated(whole, tmp_path / "whole", EVENTS, "only")

    await evaluated(killed, tmp_path / "killed", EVENTS[:cut], "first")
    await evaluated(killed, tmp_path / "killed", EVENTS[max(0, cut - 2) :], "second")  # two were not committed

    assert said(killed) == said(whole)
    assert len(said(whole)) > len(SPECS)


@pytest.mark.capability("O11")
async def test_a_new_evaluator_fed_last_weeks_log_scores_each_call_once_and_the_old_ones_say_nothing_new(
    tmp_path: Path,
) -> None:
    kafka, week = MockKafka(), [completed(seq, event_time_us=NOON_US + seq * DAY_US) for seq in range(7)]
    await evaluated(kafka, tmp_path, week, "last-week")
    before = said(kafka)
    new = {"type": "length", "routes": ["*"], "sample_rate": 1.0, "salt": "new", "parameters": {"words_max": 5}}

    for life in ("backfill", "backfill-again"):
        await evaluated(kafka, tmp_path, week, life, {**SPECS, "new": new})

    added = {id_: words for id_, words in said(kafka).items() if id_ not in before}
    assert {words[3] for words in added.values()} == {"new"}
    assert len(added) == len(week)
    assert {(words[0], words[5]) for words in added.values()} == {(one.request_id, one.event_time_us) for one in week}


def test_the_file_keeps_the_newest_calls_in_the_order_they_came(tmp_path: Path) -> None:
    from weir.evaluator.core.subjects import subject_of_response

    subjects = [subject_of_response(completed(seq)) for seq in range(5)]
    file = SubjectsFile(tmp_path / "subjects.db", 3)
    file.save(subjects)
    file.save(subjects[-1:])
    file.close()
    again = SubjectsFile(tmp_path / "subjects.db", 3)

    assert again.load() == subjects[-3:]
    again.close()
