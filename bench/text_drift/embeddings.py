"""Embeddings of a corpus, computed once and kept under the digest of its texts.

A corpus is kept as one `.npz`: `vectors` (texts, 384) unit rows, and `texts`, `documents`, `pools` (the pool of each
row, "base" first), so that a tuning run needs neither the packages nor the models' environment.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weir.cli.stack.layout import repository

from .corpus import Corpus, build_corpus
from .debian import unpack_packages
from .passages import Passage

FOLDER = repository() / ".weir" / "bench" / "text_drift"
MODELS_PYTHON = repository() / ".venv-triton" / "bin" / "python"
EMBEDDER = Path(__file__).with_name("embedder.py")
CHUNK_TEXTS = 1_024
"""Texts embedded between two writes to disk: what an interruption loses at most."""

Progress = Callable[[int, int], None]
"""Called with texts done and texts in all."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedCorpus:
    """Rows of a corpus: base first, then every pool; `pools` names the pool of each row."""

    name: str
    digest: str
    texts: tuple[str, ...]
    documents: tuple[str, ...]
    pools: npt.NDArray[np.str_]
    vectors: npt.NDArray[np.float32]

    def rows(self, pool: str) -> npt.NDArray[np.int64]:
        """Row numbers of a pool."""
        return np.flatnonzero(self.pools == pool)


def embedded_corpus(name: str, progress: Progress, threads: int = 2) -> EmbeddedCorpus:
    """The corpus `name`, from the cache where it is there; else made: packages, texts, embeddings (minutes)."""
    kept = FOLDER / f"{name}.npz"
    if not kept.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        corpus = build_corpus(name, unpack_packages(FOLDER))
        write(corpus, embed(corpus.passages(), progress, threads), kept)
    return read(name, kept)


def embed(passages: Sequence[Passage], progress: Progress, threads: int) -> npt.NDArray[np.float32]:
    """Unit rows, one per passage, by the project's MiniLM; texts embedded before, in any corpus, are not again."""
    folder = FOLDER / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    known = _known(folder)
    missing = {passage.digest: passage.text for passage in passages if passage.digest not in known}
    digests = list(missing)
    for start in range(0, len(digests), CHUNK_TEXTS):
        chunk, before = digests[start : start + CHUNK_TEXTS], len(passages) - len(digests) + start

        def done(texts: int, before: int = before) -> None:
            progress(before + texts, len(passages))

        vectors = _embedded([missing[digest] for digest in chunk], folder, threads, done)
        np.savez(folder / f"{chunk[0]}.npz", digests=np.array(chunk), vectors=vectors)
        known.update(zip(chunk, vectors, strict=True))
    return np.stack([known[passage.digest] for passage in passages])


def _known(folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    known: dict[str, npt.NDArray[np.float32]] = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as held:
            known.update(zip(held["digests"].tolist(), held["vectors"], strict=True))
    return known


def _embedded(texts: list[str], folder: Path, threads: int, done: Callable[[int], None]) -> npt.NDArray[np.float32]:
    """Vectors of `texts` by a process of the models' environment."""
    asked, answered = folder / "texts.json", folder / "vectors.npy"
    asked.write_text(json.dumps(texts), encoding="utf-8")
    command = [str(MODELS_PYTHON), str(EMBEDDER), str(asked), str(answered), str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if line.strip().isdigit():
                done(int(line))
        complaints = process.stderr.read()
    if process.returncode:
        raise RuntimeError(f"embedding failed with exit code {process.returncode}: {complaints.strip()[-500:]}")
    return np.asarray(np.load(answered), dtype=np.float32)


def write(corpus: Corpus, vectors: npt.NDArray[np.float32], path: Path) -> None:
    """Write corpus and embeddings as one file, whole or not at all."""
    passages = corpus.passages()
    pools = ["base"] * len(corpus.base) + [name for name, pool in corpus.pools.items() for _ in pool]
    unfinished = path.with_suffix(".part.npz")
    np.savez(
        unfinished,
        digest=np.array(corpus.digest),
        texts=np.array([passage.text for passage in passages]),
        documents=np.array([passage.document for passage in passages]),
        pools=np.array(pools),
        vectors=vectors,
    )
    unfinished.replace(path)


def read(name: str, path: Path) -> EmbeddedCorpus:
    """The corpus written to `path`."""
    with np.load(path) as held:
        return EmbeddedCorpus(
            name=name,
            digest=str(held["digest"]),
            texts=tuple(str(text) for text in held["texts"]),
            documents=tuple(str(document) for document in held["documents"]),
            pools=held["pools"],
            vectors=held["vectors"],
        )
