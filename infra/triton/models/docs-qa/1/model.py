"""Triton model `docs-qa`: retrieve passages with MiniLM, answer with their best sentences. Extractive, not generative.

Four nodes, each timed: embed (minilm over BLS), retrieve (dot product over the index), rank (sentences), compose.
"""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

import numpy as np
import triton_python_backend_utils as pb_utils
from corpus.store import load_current
from qa.answer import Retrieved, answer_from, rarity
from qa.question import BadRequest, parameters_in, question_in


class TritonPythonModel:
    """One instance of the chain; the index is mapped, not copied."""

    def initialize(self, args):
        """Load the corpus that WEIR_CORPUS_DIR points to."""
        self._corpus = load_current(pathlib.Path(os.environ["WEIR_CORPUS_DIR"]))
        self._index = np.ascontiguousarray(self._corpus.index)
        self._idf = rarity(self._corpus.passages)

    def execute(self, requests):
        """Answer each request; a bad one gets its error and harms no other."""
        return [self._answered(request) for request in requests]

    def _answered(self, request):
        try:
            prompt = _text(request, "text_input")
            question, parameters = question_in(prompt), parameters_in(_text(request, "sampling_parameters"))
        except BadRequest as error:
            return _error(str(error), pb_utils.TritonError.INVALID_ARG)
        timings = Timings()
        with_input = not _flag(request, "exclude_input_in_output", default=True)
        vector, failure = self._embedded(question)
        if failure:
            return _error(f"minilm did not embed the question: {failure}", pb_utils.TritonError.UNAVAILABLE)
        timings.end("embed")
        retrieved = self._retrieved(vector, parameters.top_k)
        timings.end("retrieve")
        answer = answer_from(question, retrieved, self._idf, parameters.max_tokens)
        timings.end("rank")
        text = prompt + answer.text if with_input else answer.text
        return pb_utils.InferenceResponse(self._outputs(text, question, answer, retrieved, timings))

    def _embedded(self, question):
        tensor = pb_utils.Tensor("text", np.array([[question.encode()]], dtype=np.object_))
        response = pb_utils.InferenceRequest(
            model_name="minilm", requested_output_names=["embedding"], inputs=[tensor]
        ).exec()
        if response.has_error():
            return None, response.error().message()
        return pb_utils.get_output_tensor_by_name(response, "embedding").as_numpy()[0], ""

    def _retrieved(self, vector, top_k):
        scores = self._index @ vector
        best = np.argpartition(-scores, top_k)[:top_k]
        order = best[np.lexsort((best, -scores[best]))]
        return [Retrieved(self._corpus.passages[number], float(scores[number])) for number in order]

    def _outputs(self, text, question, answer, retrieved, timings):
        timings.end("compose")
        return [
            _strings("text_output", [text]),
            _strings("passage_ids", [item.passage.id for item in retrieved]),
            pb_utils.Tensor("passage_scores", np.array([item.score for item in retrieved], dtype=np.float32)),
            _strings("passage_texts", [item.passage.text for item in retrieved]),
            _strings("corpus_digest", [self._corpus.manifest.digest]),
            _strings("finish_reason", [answer.finish_reason]),
            pb_utils.Tensor("input_tokens", np.array([len(question.split())], dtype=np.int32)),
            pb_utils.Tensor("output_tokens", np.array([answer.words], dtype=np.int32)),
            _strings("node_timings", [timings.as_json()]),
        ]


class Timings:
    """When each node of the chain began and ended, microseconds since 1970-01-01 UTC."""

    def __init__(self):
        self._nodes = []
        self._start_us = time.time_ns() // 1_000

    def end(self, name):
        """The node `name` ended now; the next one begins."""
        now_us = time.time_ns() // 1_000
        self._nodes.append({"name": name, "start_us": self._start_us, "end_us": now_us})
        self._start_us = now_us

    def as_json(self):
        """JSON list of {"name", "start_us", "end_us"}."""
        return json.dumps(self._nodes, separators=(",", ":"))


def _text(request, name):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return tensor.as_numpy().reshape(-1)[0].decode("utf-8", "replace") if tensor is not None else ""


def _flag(request, name, *, default):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return bool(tensor.as_numpy().reshape(-1)[0]) if tensor is not None else default


def _strings(name, values):
    return pb_utils.Tensor(name, np.array([value.encode() for value in values], dtype=np.object_))


def _error(message, code):
    return pb_utils.InferenceResponse([], pb_utils.TritonError(message, code))
