"""Triton model `docs-qa-stream`: asks docs-qa over BLS and streams its answer; joined, the pieces are that answer.

With `stream` true each piece is a response with `text_output`; the last piece carries the passages, timings and finish
reason too. With `stream` false or absent there is one response.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

import numpy as np
import triton_python_backend_utils as pb_utils
from qa.answer import tokens_of

OUTPUTS = [
    "text_output", "passage_ids", "passage_scores", "passage_texts", "corpus_digest", "finish_reason", "input_tokens",
    "output_tokens", "node_timings",
]  # fmt: skip


class TritonPythonModel:
    """One instance; it holds nothing."""

    def execute(self, requests):
        """Stream the answers, one request after the other."""
        for request in requests:
            sender = request.get_response_sender()
            try:
                _stream(request, sender)
            finally:
                sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def _stream(request, sender):
    inputs = [tensor for tensor in request.inputs() if tensor.name() != "stream"]
    answered = pb_utils.InferenceRequest(model_name="docs-qa", requested_output_names=OUTPUTS, inputs=inputs).exec()
    if answered.has_error():
        error = answered.error()
        sender.send(pb_utils.InferenceResponse([], pb_utils.TritonError(error.message(), error.code())))
        return
    outputs = answered.output_tensors()
    if not _wants_stream(request):
        sender.send(pb_utils.InferenceResponse(outputs))
        return
    text = next(tensor for tensor in outputs if tensor.name() == "text_output").as_numpy()[0].decode()
    rest = [tensor for tensor in outputs if tensor.name() != "text_output"]
    pieces = tokens_of(text)
    for number, piece in enumerate(pieces, start=1):
        if sender.is_cancelled():
            return
        last = rest if number == len(pieces) else []
        tensor = pb_utils.Tensor("text_output", np.array([piece.encode()], dtype=np.object_))
        sender.send(pb_utils.InferenceResponse([tensor, *last]))


def _wants_stream(request):
    tensor = pb_utils.get_input_tensor_by_name(request, "stream")
    return tensor is not None and bool(tensor.as_numpy().reshape(-1)[0])
