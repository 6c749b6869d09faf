"""Terms, clusters and blame: what an alarm says beyond its part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.drift.drift_traffic import Traffic
from weir.detectors.bank import MonitoringBank
from weir.detectors.channels import CHANNELS
from weir.detectors.reference import FloatArray
from weir.drift.core.blame import BLAME_MAX, blame_of, evidence_of
from weir.drift.core.clusters import cluster_of, cluster_shifts, clusters_of
from weir.drift.core.evidence import EVIDENCE_EVENTS, EVIDENCE_WORDS, Evidence, distinct_words, remembered, since
from weir.drift.core.shifted_terms import count_texts, rising_terms, shifted_terms
from weir.events import Reference as PinnedReference

WORDS = st.lists(st.sampled_from(["git", "leaf", "index", "table", "stem"]), max_size=5, unique=True).map(tuple)
NO_SLACK = np.zeros((len(CHANNELS), 2))


def asset(version: str, kind: str = "prompt") -> PinnedReference:
    return PinnedReference(kind=kind, name="qa", version=version, digest=f"sha256:{version}")


def evidence(index: int, p: float = 0.5, *assets: PinnedReference) -> Evidence:
    return Evidence(index, f"request-{index}", index, (), np.full(len(CHANNELS), p), -1, assets)


@given(st.lists(WORDS, max_size=20), st.lists(WORDS, max_size=20))
def test_terms_change_sign_with_the_samples_and_stay_few(
    before: list[tuple[str, ...]], after: list[tuple[str, ...]]
) -> None:
    there = shifted_terms(count_texts(before), count_texts(after), limit=3)
    back = {one.term: one.z for one in shifted_terms(count_texts(after), count_texts(before), limit=99)}

    assert len(there) <= 3
    assert [abs(one.z) for one in there] == sorted((abs(one.z) for one in there), reverse=True)
    assert all(back[one.term] == pytest.approx(-one.z, abs=1e-6) for one in there if one.term in back)


def test_the_word_that_came_and_the_word_that_went_are_named() -> None:
    before = count_texts([("git", "the")] * 50 + [("table", "the")] * 50)
    after = count_texts([("leaf", "the")] * 30 + [("table", "the")] * 30)

    told = shifted_terms(before, after)

    assert {one.term for one in told[:2]} == {"leaf", "git"}
    assert next(one for one in told if one.term == "leaf").share_after == 0.5
    assert rising_terms(before, after, 3)[0] == "leaf"
    assert abs(next(one.z for one in told if one.term == "the")) < 0.5


def test_a_word_of_a_single_text_is_never_named() -> None:
    before, after = count_texts([("git",)] * 50 + [("leaf",)] * 2), count_texts([("git", "leaf", "secret-name")])
    two = count_texts([("git", "leaf"), ("git", "secret-name")])

    assert [one.term for one in shifted_terms(before, after)] == ["leaf", "git"]
    assert [one.term for one in shifted_terms(before, two)] == ["git"]


def test_words_are_kept_once_and_bounded() -> None:
    words = distinct_words([f"w{i % 60}" for i in range(300)] + ["x" * 40])

    assert words == tuple(f"w{i}" for i in range(EVIDENCE_WORDS))
    assert distinct_words(["x" * 33, "a", "a"]) == ("a",)


def test_evidence_forgets_the_oldest() -> None:
    recent: tuple[Evidence, ...] = ()
    for index in range(1, EVIDENCE_EVENTS + 11):
        recent = remembered(recent, evidence(index))

    assert (recent[0].index, len(recent)) == (11, EVIDENCE_EVENTS)
    assert [one.index for one in since(recent, EVIDENCE_EVENTS + 9)] == [EVIDENCE_EVENTS + 9, EVIDENCE_EVENTS + 10]


def test_clusters_of_a_reference_are_the_same_each_time_and_cover_it(fitted_bank: MonitoringBank) -> None:
    reference = fitted_bank.fitted.reference
    first, second = clusters_of(reference), clusters_of(reference)

    assert (first.centres == second.centres).all()
    assert first.counts.sum() == len(reference.embeddings)
    assert len(first.names) == len(first.counts) == 20
    assert first.words.texts == reference.events
    assert cluster_of(first, reference.embeddings[0]) >= 0
    assert cluster_of(first, None) == -1


def test_psi_is_nothing_for_the_reference_itself_and_large_for_one_cluster(fitted_bank: MonitoringBank) -> None:
    clusters = clusters_of(fitted_bank.fitted.reference)
    itself = [cluster_of(clusters, vector) for vector in fitted_bank.fitted.reference.embeddings]

    psi, shifts = cluster_shifts(clusters, itself)
    moved, to_one = cluster_shifts(clusters, [3] * 100)

    assert psi == pytest.approx(0.0, abs=0.02)
    assert moved > 2.0
    assert (to_one[0].number, len(shifts)) == (3, 5)
    assert to_one[0].share_after > 0.9 > to_one[0].share_before
    assert cluster_shifts(clusters, [-1]) == (0.0, ())


def test_names_of_clusters_say_what_their_texts_share() -> None:
    from weir.detectors.reference import build_reference

    source = Traffic(5)
    events = [*source.events(60, words_from=0), *source.events(60, shift=12.0, words_from=5_000)]
    clusters = clusters_of(build_reference(events, 1))

    named = [name for name in clusters.names if name]
    assert named
    assert all(len(name.split(", ")) <= 3 for name in named)
    assert any("word50" in name for name in named)


@given(st.lists(st.floats(1e-6, 1.0 - 1e-6), min_size=1, max_size=30))
def test_evidence_adds_up_over_any_grouping(p: list[float]) -> None:
    events = [evidence(i, one, asset(str(i % 2))) for i, one in enumerate(p, start=1)]

    factors = evidence_of(events, "knn-novelty", "higher", NO_SLACK)
    told = blame_of(events, factors, "demo")

    total = next(one for one in told if one.kind == "tenant")
    assert (total.name, total.events) == ("demo", len(p))
    assert total.log_e == pytest.approx(factors.sum())
    assert sum(one.log_e for one in told if one.kind == "prompt") == pytest.approx(total.log_e)


@pytest.mark.capability("X4")
def test_the_version_that_brought_the_change_holds_the_evidence() -> None:
    calm, odd = (
        [evidence(i, 0.5, asset("1")) for i in range(20)],
        [evidence(i, 0.001, asset("2")) for i in range(20, 40)],
    )

    told = blame_of([*calm, *odd], evidence_of([*calm, *odd], "knn-novelty", "higher", NO_SLACK), "demo")

    first, last = next(one for one in told if one.kind == "prompt"), told[-1]
    assert (first.version, first.events) == ("2", 20)
    assert first.log_e > 20.0
    assert (last.version, last.log_e < 0.0) == ("1", True)


def test_a_part_without_bets_is_explained_by_the_bet_that_gained_most() -> None:
    p: FloatArray = np.full(len(CHANNELS), 0.5)
    p[1] = 0.999
    events = [Evidence(i, "r", i, (), p, -1, ()) for i in range(5)]

    assert evidence_of(events, "mean-ewma-0.1", "moved", NO_SLACK).sum() > 5.0
    assert evidence_of(events, "knn-novelty", "higher", NO_SLACK).sum() < 0.0
    assert evidence_of([], "knn-novelty", "higher", NO_SLACK).size == 0


def test_a_skipped_event_adds_nothing() -> None:
    events = [evidence(1, 0.01), Evidence(2, "r", 2, (), np.full(len(CHANNELS), np.nan), -1, ())]

    factors = evidence_of(events, "length", "higher", NO_SLACK)

    assert factors[0] > 0.0
    assert factors[1] == 0.0


def test_no_more_entries_than_a_signal_holds() -> None:
    events = [evidence(i, 0.5, asset(str(i))) for i in range(BLAME_MAX + 5)]

    assert len(blame_of(events, np.zeros(len(events)), "demo")) == BLAME_MAX
