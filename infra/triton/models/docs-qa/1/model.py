"""Triton model `docs-qa`: retrieve passages with MiniLM, answer with their best sentences. Extractive, not generative.

Four nodes, each timed: embed (minilm, over BLS, so that torch is loaded once), retrieve (dot product over the index),
rank (words and names decide among the nearest), compose (the best sentences, word for word).
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

import backend
import triton_python_backend_utils as pb_utils
from bad_request import BadRequest
from qa.answer import answer_from
from qa.question import parameters_in, prepends_prompt, question_in
from qa.retrieval import Retriever
from qa.timings import Timings


class TritonPythonModel:
    """One instance of the chain; the index is mapped, not copied."""

    def initialize(self, args):
        """Load the corpus."""
        self._retriever = Retriever(backend.corpus_folder(json.loads(args["model_config"]).get("parameters", {})))

    def execute(self, requests):
        """Answer each request; a bad one gets its error and harms no other."""
        return [self._response(request) for request in requests]

    def _response(self, request):
        try:
            return pb_utils.InferenceResponse(self._answered(request))
        except BadRequest as error:
            return backend.error(str(error), pb_utils.TritonError.INVALID_ARG)
        except backend.NotEmbedded as error:
            return backend.error(str(error), pb_utils.TritonError.UNAVAILABLE)

    def _answered(self, request):
        prompt = backend.needed_text(request, "text_input")
        question, parameters = question_in(prompt), parameters_in(backend.text(request, "sampling_parameters") or "")
        with_prompt = prepends_prompt(
            stream=bool(backend.flag(request, "stream")),
            exclude_input_in_output=backend.flag(request, "exclude_input_in_output"),
        )
        timings = Timings(backend.now_us)
        vector = backend.embedding(question)
        timings.end("embed")
        passages = self._retriever.passages(question, vector, parameters.top_k, timings)
        answer = answer_from(question, passages, self._retriever.rarity, parameters.max_tokens)
        timings.end("compose")
        return [
            backend.strings("text_output", [prompt + answer.text if with_prompt else answer.text]),
            *backend.sources(passages, self._retriever.digest),
            backend.strings("finish_reason", [answer.finish_reason]),
            backend.counts("input_tokens", len(prompt.split())),
            backend.counts("output_tokens", answer.words),
            backend.strings("node_timings", [timings.as_json()]),
        ]
