"""Answers in an output named `text`, as many tutorials do."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def execute(self, requests):
        answer = np.array([b"forty-two"], dtype=np.object_)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("text", answer)]) for _ in requests]
