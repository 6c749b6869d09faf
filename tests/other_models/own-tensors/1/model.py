"""The habit of TensorRT-LLM: sampling parameters are tensors of their own, max_tokens must be there."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def execute(self, requests):
        limits = [
            pb_utils.get_input_tensor_by_name(request, "max_tokens").as_numpy().reshape(-1)[0] for request in requests
        ]
        texts = [np.array([[f"at most {limit}".encode()]], dtype=np.object_) for limit in limits]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("text_output", text)]) for text in texts]
