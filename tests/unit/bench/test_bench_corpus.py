"""A corpus is kept and read back as it was; what cannot be fetched is said with its remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.text_drift.corpus import Corpus, mixed
from bench.text_drift.debian import PACKAGES, PackagesMissing, unpack_packages
from bench.text_drift.embeddings import read, write
from bench.text_drift.passages import Passage


def test_a_corpus_reads_back_as_it_was_written(tmp_path: Path) -> None:
    pools = {"near": (Passage("d", "nearly the same"),), "far": (Passage("e", "ganz anders"), Passage("f", "à côté"))}
    corpus = Corpus((Passage("a", "one"), Passage("b", "two")), pools, "digest")
    vectors = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    write(corpus, vectors, tmp_path / "corpus.npz")
    again = read("first", tmp_path / "corpus.npz")
    assert list(again.texts) == [passage.text for passage in corpus.passages()]
    assert list(again.documents) == ["a", "b", "d", "e", "f"]
    assert {pool: again.rows(pool).tolist() for pool in ("base", "near", "far")} == {
        "base": [0, 1],
        "near": [2],
        "far": [3, 4],
    }
    assert np.array_equal(again.vectors, vectors)
    assert again.digest == "digest"


def test_a_part_with_too_few_texts_is_told() -> None:
    with pytest.raises(ValueError, match="part tiny has 0 usable passages, 9000 are needed"):
        mixed({"tiny": [Passage("d", "only one text")]}, {"tiny": (lambda root: [], 1.0)})


def test_without_apt_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackagesMissing, match="Debian 12"):
        unpack_packages(tmp_path)


def test_packages_unpacked_before_are_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packages.done").write_text("\n".join(PACKAGES))
    monkeypatch.setenv("PATH", str(tmp_path))  # nothing can be fetched
    assert unpack_packages(tmp_path) == tmp_path / "packages"
