"""Triton model `docs-qa-stream`: asks docs-qa over BLS and streams its answer; joined, the pieces are that answer.

With `stream` true each response carries a piece in `text_output`, and the last one the passages, timings and finish
reason too. With `stream` false or absent there is one response, docs-qa's own.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

import numpy as np
import triton_python_backend_utils as pb_utils
from qa.pieces import pieces_of

OUTPUTS = [
    "text_output", "passage_ids", "passage_scores", "passage_texts", "corpus_digest", "finish_reason", "input_tokens",
    "output_tokens", "node_timings",
]  # fmt: skip
FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """One instance; it holds nothing."""

    def execute(self, requests):
        """Stream the answers, one request after the other; every request gets exactly one final response."""
        for request in requests:
            sender = request.get_response_sender()
            if sender.is_cancelled():
                sender.send(flags=FINAL)
                continue
            *first, last = _responses(request)
            for response in first:
                if sender.is_cancelled():
                    break
                sender.send(response)
            sender.send(last, flags=FINAL)


def _responses(request):
    """The responses to one request, at least one."""
    try:
        answered = pb_utils.InferenceRequest(
            model_name="docs-qa",
            requested_output_names=OUTPUTS,
            inputs=request.inputs(),
            request_id=request.request_id(),
        ).exec()
    except pb_utils.TritonModelException as error:
        return [_error(f"docs-qa did not answer: {error}", pb_utils.TritonError.UNAVAILABLE)]
    if answered.has_error():
        return [_error(answered.error().message(), answered.error().code())]
    outputs = answered.output_tensors()
    if not _wants_stream(request):
        return [pb_utils.InferenceResponse(outputs)]
    text = next(tensor for tensor in outputs if tensor.name() == "text_output").as_numpy()[0].decode()
    *first, last = pieces_of(text)
    rest = [tensor for tensor in outputs if tensor.name() != "text_output"]
    tensors = [*([_piece(piece)] for piece in first), [_piece(last), *rest]]
    return [pb_utils.InferenceResponse(output) for output in tensors]


def _piece(text):
    return pb_utils.Tensor("text_output", np.array([text.encode()], dtype=np.object_))


def _wants_stream(request):
    tensor = pb_utils.get_input_tensor_by_name(request, "stream")
    return tensor is not None and bool(tensor.as_numpy().reshape(-1)[0])


def _error(message, code):
    return pb_utils.InferenceResponse([], pb_utils.TritonError(message, code))
