"""Triton model `docs-qa`: retrieve passages with MiniLM, answer with their best sentences. Extractive, not generative.

Four nodes, each timed: embed (minilm, over BLS, so that torch is loaded once), retrieve (dot product over the index),
rank (words and names decide among the nearest), compose (the best sentences, word for word).
"""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

import numpy as np
import triton_python_backend_utils as pb_utils
from corpus.store import load_current, nearest
from qa.answer import answer_from
from qa.question import BadRequest, parameters_in, prepends_prompt, question_in
from qa.ranking import CANDIDATES, Retrieved, ranked_passages
from qa.words import rarity


class TritonPythonModel:
    """One instance of the chain; the index is mapped, not copied."""

    def initialize(self, args):
        """Load the corpus that WEIR_CORPUS_DIR, else the parameter corpus_dir, points to."""
        parameters = json.loads(args["model_config"]).get("parameters", {})
        folder = os.environ.get("WEIR_CORPUS_DIR") or parameters.get("corpus_dir", {}).get("string_value", "")
        if not folder:
            raise pb_utils.TritonModelException("no corpus: WEIR_CORPUS_DIR and the parameter corpus_dir are empty")
        self._corpus = load_current(pathlib.Path(folder))
        self._idf = rarity(passage.text for passage in self._corpus.passages)

    def execute(self, requests):
        """Answer each request; a bad one gets its error and harms no other."""
        return [self._response(request) for request in requests]

    def _response(self, request):
        try:
            return pb_utils.InferenceResponse(self._answered(request))
        except BadRequest as error:
            return _error(str(error), pb_utils.TritonError.INVALID_ARG)
        except pb_utils.TritonModelException as error:
            return _error(f"minilm did not embed the question: {error}", pb_utils.TritonError.UNAVAILABLE)

    def _answered(self, request):
        prompt = _text(request, "text_input")
        if prompt is None:
            raise BadRequest("text_input is missing; send it as BYTES of shape [1]")
        question, parameters = question_in(prompt), parameters_in(_text(request, "sampling_parameters") or "")
        with_prompt = prepends_prompt(
            stream=bool(_flag(request, "stream")),
            exclude_input_in_output=_flag(request, "exclude_input_in_output"),
        )
        timings = Timings()
        vector = _embedding(question)
        timings.end("embed")
        near = [Retrieved(self._corpus.passages[row], score) for row, score in self._nearest(vector, parameters)]
        timings.end("retrieve")
        passages = ranked_passages(question, near, self._idf)[: parameters.top_k]
        timings.end("rank")
        answer = answer_from(question, passages, self._idf, parameters.max_tokens)
        timings.end("compose")
        return [
            _strings("text_output", [prompt + answer.text if with_prompt else answer.text]),
            _strings("passage_ids", [item.passage.id for item in passages]),
            pb_utils.Tensor("passage_scores", np.array([item.score for item in passages], dtype=np.float32)),
            _strings("passage_texts", [item.passage.text for item in passages]),
            _strings("corpus_digest", [self._corpus.manifest.digest]),
            _strings("finish_reason", [answer.finish_reason]),
            pb_utils.Tensor("input_tokens", np.array([len(prompt.split())], dtype=np.int32)),
            pb_utils.Tensor("output_tokens", np.array([answer.words], dtype=np.int32)),
            _strings("node_timings", [timings.as_json()]),
        ]

    def _nearest(self, vector, parameters):
        return nearest(self._corpus.index, vector, max(CANDIDATES, parameters.top_k))


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


def _embedding(question):
    tensor = pb_utils.Tensor("text", np.array([[question.encode()]], dtype=np.object_))
    response = pb_utils.InferenceRequest(
        model_name="minilm", requested_output_names=["embedding"], inputs=[tensor]
    ).exec()
    if response.has_error():
        raise pb_utils.TritonModelException(response.error().message())
    return pb_utils.get_output_tensor_by_name(response, "embedding").as_numpy()[0]


def _text(request, name):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is None:
        return None
    try:
        return tensor.as_numpy().reshape(-1)[0].decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"{name} is not UTF-8: {error.reason} at byte {error.start}; send UTF-8") from error


def _flag(request, name):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return None if tensor is None else bool(tensor.as_numpy().reshape(-1)[0])


def _strings(name, values):
    return pb_utils.Tensor(name, np.array([value.encode() for value in values], dtype=np.object_))


def _error(message, code):
    return pb_utils.InferenceResponse([], pb_utils.TritonError(message, code))
