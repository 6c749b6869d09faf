"""One answer for each text of the request: the text itself."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def execute(self, requests):
        return [pb_utils.InferenceResponse([pb_utils.Tensor("text_output", texts_of(request))]) for request in requests]


def texts_of(request):
    """The texts of a request."""
    return pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy().reshape(-1)
