"""The rank of a beginning is the conformal one under the present memory, and a new template is found soon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from bench.observed_text import words_of
from weir.detectors.prefix import NO_WORDS, PREFIX_WORDS, prefix_key_of, text_key_of
from weir.detectors.template_memory import MEMORY_EVENTS, Keys, PrefixCounts, TemplateMemory, fold

small_keys = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda pair: (pair[0], 10 * pair[0] + pair[1]))


def _counts(keys: list[Keys]) -> PrefixCounts:
    prefixes, texts = zip(*keys, strict=True)
    return PrefixCounts(np.array(prefixes, dtype=np.uint64), np.array(texts, dtype=np.uint64))


def _rank_by_definition(memory: list[Keys], event: Keys, reference: list[Keys], uniform: float) -> float:
    """Full conformal prediction: each of the reference and the event is scored with the others around it."""
    remembered = {text for _, text in memory}
    bag = [keys for keys in reference if keys[1] not in remembered] + [event]
    per_text = len(memory) / max(len(bag) - 1, 1)

    def score(place: int) -> float:
        prefix = bag[place][0]
        others = sum(keys[0] == prefix for keys in bag) - 1
        seen = sum(keys[0] == prefix for keys in memory)
        return seen / (1.0 + others * per_text) if seen else 0.0

    own = score(len(bag) - 1)
    scores = [score(place) for place in range(len(bag))]
    above, equal = sum(one > own for one in scores), sum(one == own for one in scores)
    return (above + uniform * equal) / len(bag)


@given(st.lists(small_keys, min_size=1, max_size=12), st.lists(small_keys, max_size=12), st.floats(0.01, 0.99))
def test_the_p_value_is_the_conformal_rank_by_definition(
    reference: list[Keys], stream: list[Keys], uniform: float
) -> None:
    counts, memory, seen = _counts(reference), TemplateMemory(), list[Keys]()
    for event in stream:
        memory, (p,) = fold(memory, [event], [uniform], counts)
        if event in seen:
            assert np.isnan(p)
        else:
            assert p == pytest.approx(_rank_by_definition(seen, event, reference, uniform))
            seen.append(event)
    assert list(memory.recent) == seen


@given(st.lists(small_keys, max_size=40), st.integers(0, 40))
def test_any_cut_of_the_stream_gives_the_same(stream: list[Keys], cut: int) -> None:
    counts, uniforms = _counts([(1, 10), (1, 11), (2, 20)]), [0.5] * len(stream)
    whole, expected = fold(TemplateMemory(), stream, uniforms, counts)
    half, first = fold(TemplateMemory(), stream[:cut], uniforms[:cut], counts)
    # What is read back from a checkpoint has no tally yet.
    rest, second = fold(TemplateMemory(half.recent), stream[cut:], uniforms[cut:], counts)
    np.testing.assert_array_equal(first + second, expected)
    assert rest.recent == whole.recent


@given(st.lists(small_keys, max_size=10), st.lists(small_keys, max_size=10), st.lists(small_keys, max_size=10))
def test_an_older_memory_may_go_another_way(past: list[Keys], one_way: list[Keys], other_way: list[Keys]) -> None:
    counts = _counts([(1, 10), (1, 11), (2, 20)])
    fork, _ = fold(TemplateMemory(), past, [0.5] * len(past), counts)
    for stream in (one_way, other_way, one_way):
        found, p = fold(fork, stream, [0.5] * len(stream), counts)
        expected, expected_p = fold(TemplateMemory(fork.recent), stream, [0.5] * len(stream), counts)
        np.testing.assert_array_equal(p, expected_p)
        assert found.recent == expected.recent


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    stream = [(i, i) for i in range(1, MEMORY_EVENTS + 11)]
    memory, p = fold(TemplateMemory(), [*stream, stream[0]], [0.5] * (len(stream) + 1), _counts(stream))
    assert len(memory.recent) == MEMORY_EVENTS
    assert memory.recent[-1] == stream[0]
    assert not np.isnan(p[-1])


def _zipf(rng: np.random.Generator, events: int) -> list[Keys]:
    prefixes = rng.zipf(1.6, size=events)
    return [
        (int(prefix) + 1, int(text)) for prefix, text in zip(prefixes, rng.integers(2**62, size=events), strict=True)
    ]


def test_unchanged_beginnings_give_uniform_p_values_however_common_some_are() -> None:
    rng = np.random.default_rng(30)
    stream = _zipf(rng, 4_000)
    _, p = fold(TemplateMemory(), stream, rng.random(4_000).tolist(), _counts(_zipf(rng, 2_000)))
    assert kstest(p, "uniform").statistic < 0.04
    assert np.mean(np.array(p) < 0.01) < 0.02


def test_a_new_beginning_is_extreme_from_its_fourth_appearance() -> None:
    rng = np.random.default_rng(31)
    stream = _zipf(rng, 300)
    for place in range(100, 300, 10):
        stream[place] = (0xFEED, place)
    _, p = fold(TemplateMemory(), stream, [0.5] * 300, _counts(_zipf(rng, 2_000)))
    assert max(p[130:300:10]) < 0.001


def test_a_repeated_text_and_a_text_without_words_are_skipped() -> None:
    _, p = fold(TemplateMemory(), [(7, 70), (7, 70), (NO_WORDS, NO_WORDS)], [0.5] * 3, _counts([(1, 10)]))
    assert np.isnan(p).tolist() == [False, True, True]


def test_keys_of_texts() -> None:
    words = words_of("You are a helpful assistant.")
    assert prefix_key_of(words) == prefix_key_of(words[:PREFIX_WORDS]) != prefix_key_of(words[1:])
    assert text_key_of(words) != text_key_of(words[:PREFIX_WORDS])
    assert prefix_key_of(()) == text_key_of(()) == NO_WORDS
