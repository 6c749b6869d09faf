"""Scores, anchors and their events for tests of the quality alarms."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from harness.samples.builders import DIGEST, NOON_US, envelope
from weir.detectors.scores.outcomes import Outcome
from weir.detectors.scores.score import AnchorScore, Score
from weir.detectors.scores.settings import QualitySettings
from weir.detectors.scores.stream import ScoreStream, StreamKey, step
from weir.events import EvaluationScored, named_id
from weir.events.log import RawMessage
from weir.runtime.kafka.handling import Received

KEY = StreamKey("demo", "docs-qa", "support-coverage", DIGEST)

SCORE_US = 2_000_000
"""Microseconds between two scores."""

SMALL = QualitySettings(
    warn_arl_scores=100.0,
    page_arl_scores=2_000.0,
    reference_scores=100,
    lag_scores=50,
    clear_after_scores=20,
    guard_scores=40,
    anchors_min=20,
    level_scores=100,
    remembered=64,
)


def score(number: int, *, is_bad: bool = False, **fields: Any) -> Score:
    """The score with this number."""
    name = named_id(NOON_US, f"score {number}")
    plain: dict[str, Any] = {
        "event_id": name,
        "cause_id": name,
        "request_id": f"request {number}",
        "session_id": "",
        "event_time_us": NOON_US + number * SCORE_US,
        "is_bad": is_bad,
        "value": 0.0 if is_bad else 1.0,
        "inclusion_probability": 1.0,
    }
    return Score(**{**plain, **fields})


def anchor(number: int, *, passed: bool = True, human: bool = True, anchor_id: str = "a") -> AnchorScore:
    """The score with this number of an anchor."""
    name = named_id(NOON_US, f"anchor {number}")
    return AnchorScore(name, name, anchor_id, NOON_US + number, passed=passed, human_passed=human)


def draws(seed: int, bad_share: float, count: int) -> Iterator[bool]:
    """Independent scores, True for a bad one."""
    generator = random.Random(seed)
    return (generator.random() < bad_share for _ in range(count))


def followed(
    state: ScoreStream, bad: Iterable[bool], settings: QualitySettings = SMALL
) -> tuple[ScoreStream, list[Outcome]]:
    """The state and all outcomes after these scores."""
    outcomes: list[Outcome] = []
    for number, is_bad in enumerate(bad, start=state.scores):
        state, new, _ = step(state, score(number, is_bad=is_bad), settings)
        outcomes += new
    return state, outcomes


def monitored(settings: QualitySettings = SMALL, bad_every: int = 10) -> ScoreStream:
    """A stream whose reference is complete, every `bad_every`-th score of it bad."""
    reference = ((number + 1) % bad_every == 0 for number in range(settings.reference_scores))
    return followed(ScoreStream(KEY), reference, settings)[0]


def event(number: int, *, passed: bool | None = True, **fields: Any) -> EvaluationScored:
    """The event of a score."""
    plain: dict[str, Any] = {
        **envelope("score", number),
        "event_time_us": NOON_US + number * SCORE_US,
        "request_id": f"request {number}",
        "response_event_id": "",
        "route": "docs-qa",
        "evaluator": "support-coverage",
        "evaluator_version": "1",
        "evaluator_digest": DIGEST,
        "score": 1.0 if passed else 0.0,
        "passed": passed,
        "inclusion_probability": 1.0,
    }
    return EvaluationScored(**{**plain, **fields})


def received(one: Any, offset: int, topic: str = "evaluation-scores", partition: int = 0) -> Received:
    """An event at a place of the log."""
    return Received(RawMessage(topic, partition, offset, b"demo/docs-qa", b"", NOON_US + offset), one)
