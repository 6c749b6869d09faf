"""The corpus on disk: passages, index and manifest in one folder per content digest.

<folder>/corpus-<12 hex digits>/passages.jsonl   one {"id", "text"} a line
                                index.npy        float32 (passages, 384), rows L2-normalised
                                manifest.json    name, digest, counts, embedding model
<folder>/corpus-current.json                     which digest is served
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from corpus.passages import Passage

CURRENT = "corpus-current.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a built corpus is."""

    name: str
    digest: str
    passages: int
    source: str
    python_version: str
    embedding_model: str
    dimensions: int
    built_seconds: float


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus in memory, ready to search."""

    manifest: Manifest
    passages: Sequence[Passage]
    index: npt.NDArray[np.float32]
    """float32 (passages, dimensions), rows L2-normalised."""


def folder_of(root: pathlib.Path, digest: str) -> pathlib.Path:
    """Folder of one corpus version."""
    return root / f"corpus-{digest.removeprefix('sha256:')[:12]}"


def is_built(root: pathlib.Path, digest: str) -> bool:
    """Whether this version was built."""
    return (folder_of(root, digest) / "manifest.json").exists()


def save(root: pathlib.Path, corpus: Corpus) -> None:
    """Write a version. A folder appears only when it is complete, also where two processes build the same one."""
    folder = folder_of(root, corpus.manifest.digest)
    partial = root / f".{folder.name}.{os.getpid()}"
    partial.mkdir(parents=True)
    lines = [json.dumps(asdict(passage), ensure_ascii=False) + "\n" for passage in corpus.passages]
    (partial / "passages.jsonl").write_text("".join(lines), encoding="utf-8")
    np.save(partial / "index.npy", corpus.index)
    (partial / "manifest.json").write_text(json.dumps(asdict(corpus.manifest), indent=2) + "\n")
    if folder.exists():
        shutil.rmtree(partial)
    else:
        partial.rename(folder)


def point_to(root: pathlib.Path, digest: str) -> None:
    """Make a version the one that is served."""
    manifest = json.loads((folder_of(root, digest) / "manifest.json").read_text())
    partial = root / f".{CURRENT}.{os.getpid()}"
    partial.write_text(json.dumps(manifest, indent=2) + "\n")
    partial.replace(root / CURRENT)


def load_current(root: pathlib.Path) -> Corpus:
    """The served corpus. Raises FileNotFoundError saying how to build it."""
    pointer = root / CURRENT
    if not pointer.exists():
        raise FileNotFoundError(f"no {CURRENT} in {root}; 'make setup' builds the corpus (infra/triton/prepare.py)")
    manifest = Manifest(**json.loads(pointer.read_text()))
    folder = folder_of(root, manifest.digest)
    with (folder / "passages.jsonl").open(encoding="utf-8") as lines:
        passages = [Passage(**json.loads(line)) for line in lines]
    index = np.load(folder / "index.npy", mmap_mode="r")
    if index.shape != (len(passages), manifest.dimensions):
        raise ValueError(f"index {index.shape} does not fit {len(passages)} passages; delete {folder} and build again")
    return Corpus(manifest, passages, index)


def nearest(index: npt.NDArray[np.float32], vector: npt.NDArray[np.float32], count: int) -> list[tuple[int, float]]:
    """Rows of the index closest to a vector with their cosines, best first, ties by row. One pass over the index."""
    scores = index @ vector
    count = min(count, len(scores))
    best = np.argpartition(-scores, count - 1)[:count]
    order = best[np.lexsort((best, -scores[best]))]
    return [(int(row), float(scores[row])) for row in order]
