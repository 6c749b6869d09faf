"""Triton model `docs-chat`: retrieve one passage with MiniLM, have `chat` write one sentence from it, streamed as it comes.

Four nodes, each timed: embed, retrieve and rank as in docs-qa, and generate (chat, over the server's HTTP listener). Where no
passage is near enough it says so and generates nothing. The last response has the passage, the timings and the counts of `chat`.
"""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

import backend
import triton_python_backend_utils as pb_utils
from bad_request import BadRequest
from qa.answer import NOT_COVERED, is_covered
from qa.generation import parameters_for, prompt_of
from qa.question import prepends_prompt, question_in
from qa.retrieval import Retriever
from qa.timings import Timings
from qa.writing import AWAY, BROKEN, REFUSED, NotWritten, written

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """One instance of the chain; the index is mapped, not copied."""

    def initialize(self, args):
        """Load the corpus."""
        self._retriever = Retriever(backend.corpus_folder(json.loads(args["model_config"]).get("parameters", {})))

    def execute(self, requests):
        """Answer one request after the other; each gets exactly one final response."""
        for request in requests:
            sender = request.get_response_sender()
            try:
                last = self._answered(request, sender)
            except BadRequest as error:
                last = backend.error(str(error), pb_utils.TritonError.INVALID_ARG)
            except backend.NotEmbedded as error:
                last = backend.error(str(error), pb_utils.TritonError.UNAVAILABLE)
            except NotWritten as error:
                last = backend.error(str(error), _code(error.status))
            sender.send(last, flags=FINAL)

    def _answered(self, request, sender):
        """The last response; the pieces before it are sent where the request wants a stream."""
        prompt = backend.needed_text(request, "text_input")
        question, parameters = question_in(prompt), parameters_for(backend.text(request, "sampling_parameters") or "")
        is_stream = bool(backend.flag(request, "stream"))
        excludes = backend.flag(request, "exclude_input_in_output")
        before = prompt if prepends_prompt(stream=is_stream, exclude_input_in_output=excludes) else ""
        timings = Timings(backend.now_us)
        vector = backend.embedding(question)
        timings.end("embed")
        passages = self._retriever.passages(question, vector, 1, timings)
        if not is_covered(passages):
            return self._last(before + NOT_COVERED, [], "stop", (0, 0), timings)
        text, reason, counted = _generated(prompt_of(question, passages[0]), parameters, sender if is_stream else None)
        timings.end("generate")
        return self._last(before + text, passages, reason, counted, timings)

    def _last(self, text, passages, reason, counted, timings):
        read, written = counted
        return pb_utils.InferenceResponse([
            backend.strings("text_output", [text]),
            *backend.sources(passages, self._retriever.digest),
            backend.strings("finish_reason", [reason]),
            backend.counts("input_tokens", read),
            backend.counts("output_tokens", written),
            backend.strings("node_timings", [timings.as_json()]),
        ])  # fmt: skip


def _code(status):
    codes = {REFUSED: pb_utils.TritonError.INVALID_ARG, AWAY: pb_utils.TritonError.UNAVAILABLE}
    return codes.get(status, pb_utils.TritonError.INTERNAL)


def _generated(prompt, parameters, sender):
    """What `chat` wrote and is not sent yet, why it ended, and the tokens read and written. sender: takes the pieces, or None."""
    text, reason, read, count = "", "", 0, 0
    for part in written(os.environ["WEIR_TRITON_HTTP"], prompt, parameters, is_stream=sender is not None):
        text, reason, read, count = part.text, part.finish_reason, part.input_tokens, count + part.output_tokens
        if sender is not None and reason is None and not sender.is_cancelled():
            sender.send(pb_utils.InferenceResponse([backend.strings("text_output", [text])]))
    if not reason:
        raise NotWritten(BROKEN, "it ended without a reason")
    return text, reason, (read, count)
