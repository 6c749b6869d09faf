"""The tensors of Triton's vLLM backend: facts come only where the request asks for them. Always stops at its limit, 16 words."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that Triton's Python backend looks for."""

    def execute(self, requests):
        for request in requests:
            sender, words = request.get_response_sender(), [f" w{number}".encode() for number in range(16)]
            groups = [[word] for word in words] if flag(request, "stream") else [words]
            for place, group in enumerate(groups):
                out = [pb_utils.Tensor("text_output", np.array([b"".join(group)], dtype=np.object_))]
                if flag(request, "return_finish_reason"):
                    reason = b"length" if place == len(groups) - 1 else b"None"
                    out.append(pb_utils.Tensor("finish_reason", np.array([reason], dtype=np.object_)))
                if flag(request, "return_num_input_tokens"):
                    count = len(bytes(texts_of(request)[0]).split())
                    out.append(pb_utils.Tensor("num_input_tokens", np.array([count], dtype=np.uint32)))
                if flag(request, "return_num_output_tokens"):
                    out.append(pb_utils.Tensor("num_output_tokens", np.array([len(group)], dtype=np.uint32)))
                sender.send(pb_utils.InferenceResponse(out))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def texts_of(request):
    """The texts of a request."""
    return pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy().reshape(-1)


def flag(request, name):
    """Whether an optional input is there and true."""
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return tensor is not None and bool(tensor.as_numpy().reshape(-1)[0])
