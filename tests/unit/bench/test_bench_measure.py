"""A whole measurement of a small synthetic corpus: every method on every stream, the same figures every time."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console

from bench.text_drift.cells import CELLS, CHANGE_AT, Cell
from bench.text_drift.embeddings import EmbeddedCorpus
from bench.text_drift.evaluate import MMD, MMD_MATCHED, Size, null_streams
from bench.text_drift.evaluate_peers import evaluate_peers
from bench.text_drift.measure import measure
from bench.text_drift.scores import observations_of, score
from bench.text_drift.streams import draw
from bench.text_drift.summary import delay_of, run_length_of, summary
from weir.detectors.settings import BankSettings

DIMENSIONS, BASE, POOL = 16, 2_600, 60
SIZE = Size(draws=1, null_streams=3, null_events=450, cell_streams=4)
CHOSEN: list[Cell] = [cell for cell in CELLS if cell.name in ("near 100%", "middle 10%")]


@pytest.fixture(scope="module")
def corpus() -> EmbeddedCorpus:
    """Normal texts of documents of 20, and two pools whose embeddings lie elsewhere."""
    rng = np.random.default_rng(11)
    vectors = rng.normal(size=(BASE + 2 * POOL, DIMENSIONS)) + 2.0 * (np.arange(DIMENSIONS) == 0)
    vectors[BASE:, 1] += 5.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = rng.integers(300, size=(len(vectors), 12))
    return EmbeddedCorpus(
        name="first",
        digest="synthetic",
        texts=tuple(" ".join(f"w{word}" for word in row) for row in words),
        documents=tuple(f"document {row // 20}" for row in range(len(vectors))),
        pools=np.array(["base"] * BASE + ["near"] * POOL + ["middle"] * POOL),
        vectors=vectors.astype(np.float32),
    )


@pytest.mark.slow
def test_every_method_is_measured_on_every_stream(corpus: EmbeddedCorpus) -> None:
    measured = measure(corpus, CHOSEN, SIZE, Console(quiet=True), mmd=True, all_peers=False)
    base = summary(measured.draws, CHOSEN)
    for method in ("weir", MMD, MMD_MATCHED):
        found = delay_of(base, method, "near 100%")
        assert found is not None
        assert found["runs"] > 0
        assert found["median"] is not None
        assert found["median"] < 100
        for traffic in ("i.i.d.", "sessions, one turn", "sessions, every turn", "document order"):
            assert run_length_of(base, method, traffic) is not None
    own, matched = (run_length_of(base, method, "i.i.d.") for method in ("weir", MMD_MATCHED))
    assert own is not None
    assert matched is not None
    assert matched["alarms"] <= max(own["alarms"], 1)
    assert measured.trace is not None
    assert len(measured.trace["e-bank"]) == len(measured.trace["MMD"]) == CHANGE_AT + 4_000
    assert max(measured.trace["mean EWMA"][CHANGE_AT:]) > 1.0
    again = measure(corpus, CHOSEN, SIZE, Console(quiet=True), mmd=True, all_peers=False)
    assert json.dumps(summary(again.draws, CHOSEN)) == json.dumps(base)


@pytest.mark.slow
def test_peers_find_a_full_change(corpus: EmbeddedCorpus) -> None:
    split = draw(corpus.rows("base"), 0)
    scores = score(observations_of(corpus), split, BankSettings())
    nulls = null_streams(corpus, split, SIZE)
    result = evaluate_peers(corpus, split, scores, nulls, CHOSEN[:1], SIZE, lambda what: None)
    base = summary([result], CHOSEN)
    found = {row["method"]: row["median"] for row in base["delays"]}
    assert set(found) == {"ADWIN on kNN", "Page-Hinkley on kNN", "centroid"}
    assert all(median is not None for median in found.values())
