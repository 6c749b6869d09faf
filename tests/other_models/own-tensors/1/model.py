"""The habit of TensorRT-LLM: sampling parameters are tensors of their own, max_tokens must be there."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def execute(self, requests):
        return [answer_to(request) for request in requests]


def answer_to(request):
    """The limit that was asked for. Triton counts inputs, optional ones too, so that a missing one may come this far."""
    limit = pb_utils.get_input_tensor_by_name(request, "max_tokens")
    if limit is None:
        error = pb_utils.TritonError("max_tokens is not there; send it", pb_utils.TritonError.INVALID_ARG)
        return pb_utils.InferenceResponse([], error)
    text = np.array([[f"at most {limit.as_numpy().reshape(-1)[0]}".encode()]], dtype=np.object_)
    return pb_utils.InferenceResponse([pb_utils.Tensor("text_output", text)])
