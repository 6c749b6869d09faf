"""The corpus: reproducible, bounded, readable ids, nothing of the machine."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from corpus.build import listing
from corpus.passages import MACHINE_DEPENDENT, WORDS_MAX, WORDS_MIN, Passage, chunks, digest_of, passages
from corpus.sentences import sentences_of
from corpus.store import Corpus, Manifest, folder_of, is_built, load_current, nearest, point_to, save
from hypothesis import given
from hypothesis import strategies as st

BUILD = pathlib.Path(__file__).resolve().parents[3] / "infra" / "triton" / "corpus" / "build.py"


@pytest.fixture(scope="module")
def built() -> list[Passage]:
    return passages()


def digest_in_new_process(hash_seed: str, folder: pathlib.Path) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "HOME": str(folder)}
    command = [sys.executable, str(BUILD), "--digest"]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.capability("D7")
@pytest.mark.slow
def test_the_digest_is_the_same_in_every_process(tmp_path: pathlib.Path) -> None:
    first = digest_in_new_process("0", tmp_path)

    assert re.fullmatch(r"sha256:[0-9a-f]{64}\t\d{4}\n", first)
    assert digest_in_new_process("4242", pathlib.Path.cwd()) == first


def test_ids_and_texts_are_distinct_and_ids_readable(built: list[Passage]) -> None:
    assert len({passage.id for passage in built}) == len({passage.text for passage in built}) == len(built)
    assert all(re.fullmatch(r"(topics/[\w-]+|[\w.]+)#\d+", passage.id) for passage in built)


def test_the_corpus_has_the_size_it_is_said_to_have(built: list[Passage]) -> None:
    assert 2_500 <= len(built) <= 4_500
    assert all(WORDS_MIN <= len(passage.text.split()) <= WORDS_MAX + 1 for passage in built)


def test_nothing_of_the_machine_is_in_it(built: list[Passage]) -> None:
    assert not [passage.id for passage in built if MACHINE_DEPENDENT.search(passage.text)]


def test_what_people_ask_about_is_in_it(built: list[Passage]) -> None:
    asked = {
        "topics/for#0",
        "json.dumps#0",
        "builtins.open#0",
        "os.path.join#0",
        "random.shuffle#0",
        "threading.Lock#0",
    }

    assert asked <= {passage.id for passage in built}


@pytest.mark.capability("D7")
def test_the_digest_changes_with_a_text_an_id_and_the_order() -> None:
    one, two = Passage("a#0", "text"), Passage("b#0", "text")

    digests = {digest_of(items) for items in ([one, two], [two, one], [one], [Passage("a#0", "texts"), two], [])}

    assert len(digests) == 5
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests)


@given(st.text())
def test_chunks_are_bounded_and_hold_only_words_of_the_text(text: str) -> None:
    pieces = chunks(text)

    assert all(WORDS_MIN <= len(piece.split()) <= WORDS_MAX for piece in pieces)
    assert sum(len(piece.split()) for piece in pieces) <= len(text.split())


def test_chunks_end_with_whole_sentences() -> None:
    text = "\n\n".join(f"Sentence number {number} has exactly these eight words." for number in range(40))

    pieces = chunks(text)

    assert len(pieces) > 1
    assert all(piece.endswith(".") for piece in pieces)


def test_tables_and_texts_with_addresses_are_left_out() -> None:
    words = "Plain words that say what this object is good for."

    assert chunks(words) == [words]
    assert chunks("+----+----+\n|    |    |\n+====+====+") == []
    assert chunks(f"{words} See <object at 0x7f3a55aa10>.") == []


@given(st.text(alphabet=" .!?ABab1\n"))
def test_sentences_hold_the_whole_paragraph(text: str) -> None:
    assert " ".join(" ".join(sentences_of(text)).split()) == " ".join(text.split())


def test_abbreviations_and_list_numbers_end_no_sentence() -> None:
    assert sentences_of("Use it (e.g. JSON) first. Then stop.") == ["Use it (e.g. JSON) first.", "Then stop."]
    assert sentences_of("It goes on: 1. The first. Then more.") == ["It goes on: 1. The first.", "Then more."]


def test_the_list_shows_each_topic_once() -> None:
    items = [Passage("topics/for#0", "first"), Passage("topics/for#1", "second"), Passage("json#0", "json: text")]

    assert listing(items) == ["topics/for\tfirst", "json\tjson: text"]


def corpus_of(texts: list[str]) -> Corpus:
    items = [Passage(f"t{number}#0", text) for number, text in enumerate(texts)]
    manifest = Manifest("test", digest_of(items), len(items), "test", "3.11.7", "none", len(items), 0.0)
    return Corpus(manifest, items, np.eye(len(items), dtype=np.float32))


def test_a_saved_corpus_is_loaded_again(tmp_path: pathlib.Path) -> None:
    corpus = corpus_of(["one", "two", "ünï"])

    save(tmp_path, corpus)
    save(tmp_path, corpus)
    point_to(tmp_path, corpus.manifest.digest)
    loaded = load_current(tmp_path)

    assert is_built(tmp_path, corpus.manifest.digest)
    assert (loaded.manifest, list(loaded.passages)) == (corpus.manifest, list(corpus.passages))
    np.testing.assert_array_equal(loaded.index, corpus.index)
    folder = folder_of(tmp_path, corpus.manifest.digest)
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, "corpus-current.json"}


def test_a_missing_corpus_says_how_to_build_it(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"prepare\.py"):
        load_current(tmp_path)


def test_an_index_that_does_not_fit_is_refused(tmp_path: pathlib.Path) -> None:
    corpus = corpus_of(["one", "two"])
    save(tmp_path, corpus)
    point_to(tmp_path, corpus.manifest.digest)
    np.save(folder_of(tmp_path, corpus.manifest.digest) / "index.npy", np.eye(5, dtype=np.float32))

    with pytest.raises(ValueError, match="does not fit 2 passages"):
        load_current(tmp_path)


def test_nearest_is_the_full_sort() -> None:
    generator = np.random.default_rng(7)
    index = generator.standard_normal((50, 8), dtype=np.float32)
    vector = generator.standard_normal(8, dtype=np.float32)

    for count in (1, 7, 50, 80):
        expected = np.argsort(-(index @ vector), kind="stable")[:count]
        assert [row for row, _ in nearest(index, vector, count)] == expected.tolist()
