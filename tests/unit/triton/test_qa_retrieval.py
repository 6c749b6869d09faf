"""Retrieval of both chains: the nearest passages, the best first, each node timed."""

from __future__ import annotations

import itertools
import json
import pathlib

import numpy as np
import pytest
from corpus.passages import Passage, digest_of
from corpus.store import Corpus, Manifest, point_to, save
from qa.retrieval import Retriever
from qa.timings import Timings

ITEMS = [
    Passage("random.shuffle#0", "random.shuffle: Shuffle list x in place, and return None."),
    Passage("json.dumps#0", "json.dumps: Serialize an object to a JSON string."),
    Passage("topics/for#0", "The for statement iterates over the elements of a sequence."),
]


@pytest.fixture
def retriever(tmp_path: pathlib.Path) -> Retriever:
    manifest = Manifest("test", digest_of(ITEMS), 3, "test", "3.11.7", "none", 3, 0.0)
    save(tmp_path, Corpus(manifest, ITEMS, np.eye(3, dtype=np.float32)))
    point_to(tmp_path, manifest.digest)
    return Retriever(tmp_path)


def test_the_passage_that_shares_the_questions_words_comes_first(retriever: Retriever) -> None:
    vector = np.array([0.5, 0.45, 0.1], dtype=np.float32)
    timings = Timings(itertools.count().__next__)

    found = retriever.passages("How do I serialize an object to a string?", vector, 2, timings)

    assert [item.passage.id for item in found] == ["json.dumps#0", "random.shuffle#0"]
    assert [item.score for item in found] == pytest.approx([0.45, 0.5])
    assert [node["name"] for node in json.loads(timings.as_json())] == ["retrieve", "rank"]
    assert retriever.digest == digest_of(ITEMS)


def test_each_node_begins_where_the_one_before_ended() -> None:
    timings = Timings(iter([10, 25, 40]).__next__)
    timings.end("embed")
    timings.end("generate")

    assert json.loads(timings.as_json()) == [
        {"name": "embed", "start_us": 10, "end_us": 25},
        {"name": "generate", "start_us": 25, "end_us": 40},
    ]
