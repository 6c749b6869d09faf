"""Triton model `chat`: generates text with llama.cpp, several answers side by side, one response a token (decoupled).

`execute` reads the requests and hands them to as many threads as there are slots. llama.cpp calls a thread back for each token,
and the thread answers through its request's response sender. Every request gets exactly one final response, whatever happens.
"""

import concurrent.futures
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

import backend
import numpy as np
import triton_python_backend_utils as pb_utils
from bad_request import BadRequest
from chat.answer import EngineRefused, cumulative_logprob, logprobs_of, whole
from chat.engine import Engine, EngineSize
from chat.metrics import Metrics
from chat.prompt import prompt_of
from chat.request import asked_in
from chat.weights import weights_file

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
FLAGS = (
    "stream", "exclude_input_in_output", "return_finish_reason", "return_cumulative_logprob", "return_logprobs",
    "return_num_input_tokens", "return_num_output_tokens",
)  # fmt: skip


class TritonPythonModel:
    """One instance; it batches by itself."""

    def initialize(self, args):
        """Load the weights and open the slots."""
        given = {name: int(one["string_value"]) for name, one in json.loads(args["model_config"])["parameters"].items()}
        self._engine = Engine(weights_file(), EngineSize(given["slots"], given["context_tokens"], given["threads"]))
        self._places_max = given["slots"] + given["waiting_max"]
        self._places = threading.BoundedSemaphore(self._places_max)
        self._pool = concurrent.futures.ThreadPoolExecutor(given["slots"])
        self._stopping = threading.Event()
        self._metrics = Metrics(pb_utils)

    def execute(self, requests):
        """Take each request on, or refuse it; a bad one harms no other."""
        for request in requests:
            sender = request.get_response_sender()
            try:
                asked = asked_in(*_inputs(request))
                prompt = prompt_of(asked.text)
            except BadRequest as error:
                self._end(sender, "refused", error=(str(error), pb_utils.TritonError.INVALID_ARG))
                continue
            if self._places.acquire(blocking=False):
                self._metrics.taken()
                self._pool.submit(self._answer, asked, prompt, sender)
            else:
                text = f"{self._places_max} requests are under way or wait; ask again later"
                self._end(sender, "overloaded", error=(text, pb_utils.TritonError.UNAVAILABLE))

    def finalize(self):
        """End what is being written, the engine, and the metrics."""
        self._stopping.set()
        self._pool.shutdown(wait=True)
        del self._engine
        self._metrics.close()

    def _answer(self, asked, prompt, sender):
        try:
            self._write(asked, prompt, sender)
        except EngineRefused as error:
            outcome, code = (
                ("refused", pb_utils.TritonError.INVALID_ARG)
                if error.is_callers
                else ("failed", pb_utils.TritonError.INTERNAL)
            )
            self._end(sender, outcome, error=(str(error), code))
        except Exception as error:  # noqa: BLE001  # a request without a final response would never end
            self._end(sender, "failed", error=(f"{type(error).__name__}: {error}", pb_utils.TritonError.INTERNAL))
        finally:
            self._places.release()
            self._metrics.left()

    def _write(self, asked, prompt, sender):
        pieces = []

        def is_over():
            return self._stopping.is_set() or sender.is_cancelled()

        def send(piece):
            pieces.append(piece)
            if asked.is_stream and piece.finish_reason is None:
                sender.send(_response(asked, piece, pieces))

        if is_over() or not self._engine.write(prompt, asked.sampling, is_over, send):
            stopped = ("the server is stopping", pb_utils.TritonError.UNAVAILABLE) if self._stopping.is_set() else None
            self._end(sender, "cancelled", error=stopped)
            return
        answer = whole(pieces)
        last = pieces[-1] if asked.is_stream else answer
        self._metrics.tokens(answer)
        self._end(sender, "ok", response=_response(asked, last, pieces))

    def _end(self, sender, outcome, *, response=None, error=None):
        """The final response: the last piece, an error, or nothing for a client that has gone."""
        self._metrics.outcome(outcome)
        if error is not None:
            response = backend.error(*error)
        if response is None:
            sender.send(flags=FINAL)
        else:
            sender.send(response, flags=FINAL)


def _inputs(request):
    """The text, the sampling parameters and the flags of a request, as they were sent; None for what was not."""
    flags = {name: backend.value(request, name) for name in FLAGS}
    return backend.value(request, "text_input"), backend.value(request, "sampling_parameters"), flags


def _response(asked, piece, pieces):
    """A piece as tensors; the facts that were asked for stand beside the text in each, as the vLLM backend has it."""
    text = (asked.text if asked.prepends_text else "") + piece.text
    tensors = [backend.strings("text_output", [text])]
    if asked.returns("finish_reason"):
        tensors.append(backend.strings("finish_reason", [str(piece.finish_reason)]))
    if asked.returns("cumulative_logprob"):
        tensors.append(pb_utils.Tensor("cumulative_logprob", np.array([cumulative_logprob(pieces)], dtype=np.float32)))
    if asked.returns("logprobs"):
        tensors.append(backend.strings("logprobs", [json.dumps(logprobs_of(piece, asked.sampling.logprobs))]))
    if asked.returns("num_input_tokens"):
        tensors.append(pb_utils.Tensor("num_input_tokens", np.array([piece.prompt_tokens], dtype=np.uint32)))
    if asked.returns("num_output_tokens"):
        tensors.append(pb_utils.Tensor("num_output_tokens", np.array([piece.tokens], dtype=np.uint32)))
    return pb_utils.InferenceResponse(tensors)
