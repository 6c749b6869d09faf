"""Sample: every call with the same chance, one turn a session, nothing twice."""

from __future__ import annotations

from dataclasses import replace

from unit.drift.quality_scores import score
from weir.detectors.scores.memory import HASH_BYTES, holds, remembered
from weir.detectors.scores.sample import Sample, chosen


def test_calls_judged_more_often_enter_with_the_base_chance() -> None:
    sample, reason = chosen(Sample(), score(0, inclusion_probability=0.1), 1.0, 64)
    assert reason == ""

    kept = [chosen(sample, score(number, inclusion_probability=1.0), 1.0, 64)[1] == "" for number in range(1, 3_001)]

    assert 240 < sum(kept) < 360


def test_base_samples_all_enter_and_rare_ones_never() -> None:
    sample = Sample()
    for number in range(50):
        sample, reason = chosen(sample, score(number, inclusion_probability=0.05), 1.0, 64)
        assert reason == ""

    sample, reason = chosen(sample, score(99, inclusion_probability=0.019), 1.0, 64)

    assert (sample.base, reason) == (0.05, "rare")


def test_one_turn_of_a_session_enters_and_a_session_of_its_own_always_does() -> None:
    sample, reasons = Sample(), []
    for number in range(40):
        sample, reason = chosen(sample, score(number, session_id="talk"), 0.5, 64)
        reasons.append(reason)

    assert reasons.count("") == 1
    alone = score(99)
    assert chosen(sample, replace(alone, session_id=alone.request_id), 0.0001, 64)[1] == ""


def test_a_score_counts_once_while_it_is_remembered() -> None:
    sample, first = chosen(Sample(), score(1), 1.0, 2)
    sample, again = chosen(sample, score(1), 1.0, 2)
    assert (first, again) == ("", "seen")

    for number in (2, 3):
        sample, _ = chosen(sample, score(number), 1.0, 2)
    assert len(sample.events) == 2 * HASH_BYTES
    assert chosen(sample, score(1), 1.0, 2)[1] == ""


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = b""
    for number in range(10):
        memory = remembered(memory, str(number), "s", 4)

    assert [holds(memory, str(number), "s") for number in range(10)] == [False] * 6 + [True] * 4
    assert not holds(memory, "9", "other salt")
