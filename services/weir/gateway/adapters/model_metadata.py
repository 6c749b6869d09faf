"""What the models of the server take in, asked once and kept for a while."""

from __future__ import annotations

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2

from weir.access.refusals import Refusal, error_type_of
from weir.gateway.adapters.upstream import status_of
from weir.gateway.core.model_inputs import ModelInputs, read_metadata
from weir.runtime.clock import monotonic_s
from weir.runtime.oip import OipClient

FRESH_S = 30.0
"""Seconds until a model is asked again: a model that was loaded anew is known half a minute later."""

TIMEOUT_S = 5.0
"""Seconds for the question; it takes a millisecond, and Triton answers it while models compute."""


class ModelMetadata:
    """The inputs of each model by name. Names come from the registry, so there are as many as models."""

    def __init__(self, upstream: OipClient) -> None:
        self._upstream = upstream
        self._known: dict[str, tuple[ModelInputs, float]] = {}

    async def inputs_of(self, model: str) -> ModelInputs:
        """The inputs of a model. While the server cannot be asked, what was known last. Raises Refusal without any."""
        known, asked_s = self._known.get(model, (None, 0.0))
        if known is not None and monotonic_s() - asked_s < FRESH_S:
            return known
        question = service_pb2.ModelMetadataRequest(name=model).SerializeToString()
        try:
            answer = await self._upstream.unary("ModelMetadata", question, timeout_s=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if known is not None and error.code() is not grpc.StatusCode.NOT_FOUND:
                return known
            status = status_of(error)
            word = error_type_of(status.code) or "upstream_error"
            raise Refusal(word, f"the model server was asked about {model!r}: {status.details}") from error
        found = read_metadata(bytes(answer))
        self._known[model] = found, monotonic_s()
        return found
