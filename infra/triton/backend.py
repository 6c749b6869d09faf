"""What the models of this folder share of Triton's Python backend: reading inputs, writing outputs, asking `minilm`."""

import os
import pathlib
import time

import numpy as np
import triton_python_backend_utils as pb_utils
from bad_request import BadRequest


class NotEmbedded(Exception):
    """minilm did not embed the question."""


def corpus_folder(parameters):
    """Where the corpus is: WEIR_CORPUS_DIR, else the parameter corpus_dir of the model's configuration."""
    folder = os.environ.get("WEIR_CORPUS_DIR") or parameters.get("corpus_dir", {}).get("string_value", "")
    if not folder:
        raise pb_utils.TritonModelException("no corpus: WEIR_CORPUS_DIR and the parameter corpus_dir are empty")
    return pathlib.Path(folder)


def embedding(question):
    """The question's embedding, by minilm over BLS, so that torch is loaded once. Raises NotEmbedded."""
    tensor = pb_utils.Tensor("text", np.array([[question.encode()]], dtype=np.object_))
    asked = pb_utils.InferenceRequest(model_name="minilm", requested_output_names=["embedding"], inputs=[tensor])
    try:
        response = asked.exec()
    except pb_utils.TritonModelException as error:
        raise NotEmbedded(f"minilm did not embed the question: {error}") from error
    if response.has_error():
        raise NotEmbedded(f"minilm did not embed the question: {response.error().message()}")
    return pb_utils.get_output_tensor_by_name(response, "embedding").as_numpy()[0]


def now_us():
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000


def value(tensors, name):
    """First element of an input or output; None where there is none of that name."""
    found = pb_utils.get_input_tensor_by_name(tensors, name)
    return None if found is None else found.as_numpy().reshape(-1)[0]


def text(request, name):
    """An input as text; None where it was not sent. Raises BadRequest for bytes that are not UTF-8."""
    found = value(request, name)
    try:
        return None if found is None else found.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"{name} is not UTF-8: {error.reason} at byte {error.start}; send UTF-8") from error


def needed_text(request, name):
    """An input as text. Raises BadRequest where it was not sent, too."""
    found = text(request, name)
    if found is None:
        raise BadRequest(f"{name} is missing; send it as BYTES of shape [1]")
    return found


def flag(request, name):
    """A BOOL input; None where it was not sent."""
    found = value(request, name)
    return None if found is None else bool(found)


def strings(name, values):
    """A BYTES output."""
    return pb_utils.Tensor(name, np.array([one.encode() for one in values], dtype=np.object_))


def counts(name, number):
    """An INT32 output of one number."""
    return pb_utils.Tensor(name, np.array([number], dtype=np.int32))


def sources(passages, digest):
    """The outputs that say what an answer was built from; the corpus alone where no passage was used."""
    corpus = strings("corpus_digest", [digest])
    if not passages:
        return [corpus]
    return [
        strings("passage_ids", [item.passage.id for item in passages]),
        pb_utils.Tensor("passage_scores", np.array([item.score for item in passages], dtype=np.float32)),
        strings("passage_texts", [item.passage.text for item in passages]),
        corpus,
    ]


def error(message, code):
    """A response that is an error. code: of pb_utils.TritonError."""
    return pb_utils.InferenceResponse([], pb_utils.TritonError(message, code))
