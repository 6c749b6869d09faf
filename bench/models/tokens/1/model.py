"""`tokens`: answers any text with a hundred pieces, so that nothing but the way of a piece is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

PIECES = 100
"""Pieces of an answer. Arbitrary; any value from 20 to 500 would do."""


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def execute(self, requests: list[Any]) -> None:
        """All pieces of each request, through its sender."""
        for request in requests:
            sender = request.get_response_sender()
            for number in range(PIECES):
                piece = np.array([f"token {number} ".encode()], dtype=np.object_)
                sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("text_output", piece)]))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
