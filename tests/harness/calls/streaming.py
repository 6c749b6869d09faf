"""Asking a decoupled model of the vLLM backend's tensors over a gRPC stream, as the stock client does."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tritonclient.grpc as triton

from harness.calls.asking import text_input

TIMEOUT_S = 60.0
"""Seconds to wait for the next response. Chosen: a hundred times the usual pause."""

FACTS = ("return_finish_reason", "return_num_input_tokens", "return_num_output_tokens")


@dataclass(slots=True)
class Streamed:
    """One answer: its responses by tensor, and the error that ended it."""

    responses: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    @property
    def text(self) -> str:
        """All pieces joined."""
        return b"".join(one["text_output"] for one in self.responses).decode()

    def last(self, name: str) -> Any:
        """A fact of the last response."""
        return self.responses[-1][name]

    def total(self, name: str) -> int:
        """A count of all responses together."""
        return sum(int(one[name]) for one in self.responses)


def stream_over_triton(
    address: str,
    text: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    model: str = "chat",
    responses_max: int | None = None,
    request_id: str = "",
    api_key: str = "",
    **flags: bool,
) -> Streamed:
    """Ask once on a stream. responses_max: the client goes away after so many. flags: inputs of type BOOL."""
    told: queue.Queue[Any] = queue.Queue()
    inputs = [text_input("text_input", text), *_inputs(parameters, flags)]
    with triton.InferenceServerClient(address) as client:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        client.start_stream(lambda result, error: told.put((result, error)), headers=headers)
        client.async_stream_infer(model, inputs, request_id=request_id, enable_empty_final_response=True)
        found = Streamed()
        for values in _responses(told, found):
            found.responses += [values] if values else []
            if len(found.responses) == responses_max:
                client.stop_stream(cancel_requests=True)
                return found
        client.stop_stream()
    return found


def _inputs(parameters: Mapping[str, Any] | None, flags: Mapping[str, bool]) -> Iterator[triton.InferInput]:
    if parameters is not None:
        yield text_input("sampling_parameters", json.dumps(parameters))
    for name, value in flags.items():
        tensor = triton.InferInput(name, [1], "BOOL")
        tensor.set_data_from_numpy(np.array([value]))
        yield tensor


def _responses(told: queue.Queue[Any], found: Streamed) -> Iterator[dict[str, Any]]:
    """The tensors of each response, up to the final one or an error, which is noted."""
    while True:
        result, error = told.get(timeout=TIMEOUT_S)
        if error is not None:
            found.error = str(error)
            return
        response = result.get_response()
        yield {output.name: result.as_numpy(output.name).reshape(-1).tolist()[0] for output in response.outputs}
        if response.parameters["triton_final_response"].bool_param:
            return
