"""Streams its prompt back three bytes a piece, whatever characters that cuts."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def execute(self, requests):
        for request in requests:
            sender, text = request.get_response_sender(), bytes(texts_of(request)[0])
            for at in range(0, len(text), 3):
                piece = np.array([text[at : at + 3]], dtype=np.object_)
                sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("text_output", piece)]))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def texts_of(request):
    """The texts of a request."""
    return pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy().reshape(-1)
