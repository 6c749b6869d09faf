"""Laws of every channel, then what each one finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from bench.observed_text import observe
from unit.drift.drift_traffic import Traffic
from weir.detectors.bank import MonitoringBank
from weir.detectors.channels import CHANNELS, Channel
from weir.detectors.channels.completeness import Completeness
from weir.detectors.channels.knn_novelty import CANDIDATES, CANDIDATES_MAX, KnnNovelty, _nearest
from weir.detectors.channels.language import Language
from weir.detectors.channels.latency import Latency
from weir.detectors.channels.length import Length
from weir.detectors.channels.punctuation import Punctuation
from weir.detectors.channels.refusal import Refusal
from weir.detectors.channels.surprisal import Surprisal
from weir.detectors.channels.truncation import Truncation
from weir.detectors.channels.vocabulary import Vocabulary
from weir.detectors.conformal import Ranking
from weir.detectors.observation import EmbeddingMismatch, Observation
from weir.detectors.reference import Reference, build_reference

every_channel = pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)


@pytest.fixture(scope="module")
def reference(fitted_bank: MonitoringBank) -> Reference:
    return fitted_bank.fitted.reference


@pytest.fixture(scope="module")
def unchanged() -> list[Observation]:
    """Traffic of the reference's kind that it has not seen."""
    return Traffic(6).events(2_000)


def test_names_are_unique() -> None:
    assert len({channel.name for channel in CHANNELS}) == len(CHANNELS)


@every_channel
def test_many_scores_have_the_bits_of_single_ones(channel: Channel, reference: Reference) -> None:
    source = Traffic(5)
    events = [*source.events(70), source.event(embedded=False, words=0)]
    many = channel.score_many(events, reference)
    single = [channel.score(event, reference) for event in events]
    np.testing.assert_array_equal(many, [np.nan if score is None else score for score in single])


@every_channel
def test_unchanged_traffic_gives_uniform_p_values(
    channel: Channel, reference: Reference, unchanged: list[Observation]
) -> None:
    scores = np.array(channel.score_many(unchanged, reference))
    calibration = np.sort(channel.reference_scores(reference))
    uniforms = np.random.default_rng(7).random(2_000)
    # Against one reference of 1,000 they are uniform up to about 1/sqrt(1,000): the distance is what counts here.
    assert kstest(Ranking([calibration]).p_values(scores[:, None], uniforms)[:, 0], "uniform").statistic < 0.06


def test_what_an_event_lacks_is_not_scored(reference: Reference) -> None:
    bare = replace(Traffic(5).event(embedded=False, words=0), refused=None, latency_ms=None, embedding_expected=False)
    found = {channel.name: channel.score(bare, reference) is not None for channel in CHANNELS}
    assert found == {
        "knn-novelty": False, "length": True, "surprisal": False, "vocabulary": False, "punctuation": True,
        "template": False, "truncation": True, "language": False, "refusal": False, "completeness": False, "latency": False,
    }  # fmt: skip


def test_knn_novelty_equals_a_search_over_all(reference: Reference) -> None:
    events = Traffic(8).events(20)
    exact = reference.embeddings.astype(np.float64)
    for event, score in zip(events, KnnNovelty().score_many(events, reference), strict=True):
        assert event.embedding is not None
        expected = 1.0 - np.sort(exact @ event.embedding.astype(np.float64))[-5:].mean()
        assert score == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.sampled_from([-0.5, 0.0, 0.25]) | st.floats(-1.0, 1.0, width=32), min_size=17, max_size=400))
def test_the_nearest_hold_the_largest_similarities_and_few_others(values: list[float]) -> None:
    similarities = np.array(values, dtype=np.float32)
    places = _nearest(similarities)
    assert CANDIDATES <= np.unique(places).size == places.size <= CANDIDATES_MAX
    np.testing.assert_array_equal(np.sort(similarities[places])[-CANDIDATES:], np.sort(similarities)[-CANDIDATES:])


def test_knn_novelty_of_a_reference_event_leaves_itself_out() -> None:
    events = Traffic(8).events(40)
    whole, without = build_reference(events, 1), build_reference(events[1:], 1)
    assert KnnNovelty().reference_scores(whole)[0] == KnnNovelty().score(events[0], without)


def test_an_embedding_of_another_model_is_refused(reference: Reference) -> None:
    other = observe("hello", event_id="e7", embedding=np.ones(3, dtype=np.float32))
    with pytest.raises(EmbeddingMismatch, match="event e7 has 3 dimensions, the reference 24"):
        KnnNovelty().score(other, reference)


def test_too_small_a_reference_has_no_novelty() -> None:
    small = build_reference(Traffic(8).events(10), 1)
    assert KnnNovelty().score(Traffic(9).event(), small) is None
    assert np.isnan(KnnNovelty().reference_scores(small)).all()


def _typical(channel: Channel, reference: Reference, event: Observation) -> float:
    """Share of reference scores below the score of `event`."""
    score = channel.score(event, reference)
    assert score is not None
    return float(np.mean(channel.reference_scores(reference) < score))


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        (Length(), "word1 " * 200),
        (Surprisal(), "word1900 word1901 word1902"),
        (Vocabulary(), "völlig andere Wörter als bisher"),
        (Punctuation(), "{}[]();;:= word1"),
        (Truncation(), "word1"),
        (Language(), "wie kann ich das lesen und was ist der beste weg"),
    ],
    ids=lambda value: value.name if not isinstance(value, str) else "",
)
def test_each_text_channel_finds_its_change(channel: Channel, text: str, reference: Reference) -> None:
    assert _typical(channel, reference, observe(text, event_id="e")) > 0.99


def test_novelty_finds_a_moved_embedding(reference: Reference) -> None:
    assert _typical(KnnNovelty(), reference, Traffic(8).event(shift=9.0)) > 0.99


@pytest.mark.parametrize(
    ("channel", "usual", "strange"),
    [
        (Refusal(), {"refused": False}, {"refused": True}),
        (Completeness(), {}, {"embedding": None}),
        (Latency(), {"latency_ms": 150.0}, {"latency_ms": 90_000.0}),
    ],
    ids=lambda value: value.name if not isinstance(value, dict) else "",
)
def test_each_channel_of_the_call_scores_a_strange_call_higher(
    channel: Channel, usual: dict[str, object], strange: dict[str, object], reference: Reference
) -> None:
    event = Traffic(8).event()
    low, high = (
        channel.score(replace(event, **fields), reference)  # type: ignore[arg-type]  # fields by name
        for fields in (usual, strange)
    )
    assert low is not None
    assert high is not None
    assert low < high > np.mean(channel.reference_scores(reference))


def test_words_in_a_long_text_say_more_than_the_same_share_in_a_short_one(reference: Reference) -> None:
    short, long = (observe("word0 neu anders fremd " * times, event_id="e") for times in (1, 8))
    for channel in (Vocabulary(), Surprisal()):
        few, many = channel.score(short, reference), channel.score(long, reference)
        assert few is not None
        assert many is not None
        assert 0.0 < few < many


def test_a_sampled_event_without_embedding_says_nothing_about_completeness(reference: Reference) -> None:
    event = replace(Traffic(8).event(embedded=False), embedding_expected=False)
    assert Completeness().score(event, reference) is None
