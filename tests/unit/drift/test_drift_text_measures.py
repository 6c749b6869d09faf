"""Each kind of change in texts is caught by the measure that is made for it, and by no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.observed_text import observe
from unit.drift.drift_traffic import Traffic, outcomes_of, ties
from weir.detectors.bank import BankState, MonitoringBank, new_bank, step_many
from weir.detectors.observation import Observation
from weir.detectors.outcomes import Signal
from weir.detectors.settings import BankSettings


def words_of(sentence: str) -> list[str]:
    """Its words."""
    return sentence.split()


ENGLISH = words_of("how can i read this and what is the best way to do it when there are more of them in a list")
GERMAN = words_of(
    "wie kann ich das lesen und was ist der beste weg um es zu tun wenn es mehr davon in einer liste gibt"
)
STEADY, CHANGED = 100, 120
"""Events before and after the change."""


def signals(bank: BankState, events: list[Observation]) -> list[Signal]:
    """What is signalled about events."""
    _, steps = step_many(bank, events, ties(events))
    return [one for one in outcomes_of(steps) if isinstance(one, Signal)]


@pytest.mark.capability("O8", is_check=True, clause="vectors, words and form")
@pytest.mark.parametrize(
    ("change", "measures"),
    [
        ({"shift": 1.0}, {"mean-ewma-0.03"}),
        ({"words_from": 1_900}, {"vocabulary"}),
        ({"words": 120}, {"length"}),
        ({"words": 1}, {"truncation"}),
        ({"prefix": "{}[]();;:= "}, {"punctuation"}),
        ({"prefix": "word9 word3 word7 word5 "}, {"template"}),
    ],
    ids=["embeddings on average", "vocabulary", "longer", "cut short", "structure", "prompt template"],
)
def test_each_change_is_caught_by_its_own_measure(
    fitted_bank: MonitoringBank, change: dict[str, float], measures: set[str]
) -> None:
    source = Traffic(52)

    found = signals(fitted_bank, [*source.events(STEADY), *source.events(CHANGED, **change)])

    assert {one.part for one in found} == measures
    assert all(one.index > STEADY for one in found)


@pytest.mark.capability("O8", is_check=True, clause="distance")
def test_texts_far_from_all_known_ones_are_caught_by_their_distance(fitted_bank: MonitoringBank) -> None:
    source = Traffic(52)

    found = signals(fitted_bank, [*source.events(STEADY), *source.events(CHANGED, shift=4.0)])

    assert [one.part for one in found if one.level == "page"] == ["knn-novelty"]
    assert all(one.index > STEADY for one in found)


@pytest.mark.capability("O8", is_check=True, clause="language")
@pytest.mark.slow
def test_a_change_of_language_is_caught_by_the_language_where_all_its_words_are_known() -> None:
    random = np.random.default_rng(9)
    reference = [event(random, number, 0.15) for number in range(1_000)]
    bank, _ = step_many(new_bank(BankSettings(reference_events=1_000)), reference, ties(reference))
    steady = [event(random, 2_000 + number, 0.15) for number in range(STEADY)]
    changed = [event(random, 3_000 + number, 0.9) for number in range(CHANGED)]

    found = signals(bank, [*steady, *changed])

    assert {one.part for one in found} == {"language"}
    assert all(one.index > STEADY for one in found)


def event(random: np.random.Generator, number: int, german_share: float) -> Observation:
    """A text in English or German, with the embedding, latency and answer of usual traffic."""
    usual = Traffic(int(random.integers(1 << 30))).event()
    words = random.choice(GERMAN if random.random() < german_share else ENGLISH, size=int(random.integers(8, 20)))
    text = " ".join(map(str, words)) + "." * int(random.integers(1, 5))
    seen = observe(
        text,
        event_id=f"event-{number}",
        request_id=f"request-{number}",
        event_time_us=number,
        embedding=usual.embedding,
    )
    return replace(seen, refused=usual.refused, latency_ms=usual.latency_ms)
