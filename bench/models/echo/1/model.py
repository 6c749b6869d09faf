"""`echo`: answers with the text it was given, so that nothing but the serving path is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        text = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy()[0]
        return pb_utils.InferenceResponse([pb_utils.Tensor("text_output", np.array([text], dtype=np.object_))])
