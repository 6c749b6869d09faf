"""Embeds texts on Triton: batches of bounded size, a bounded number of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from weir.events import InvalidEvent
from weir.inference.adapters.channel_options import channel_options
from weir.inference.adapters.metrics import EMBED_SECONDS, EMBEDDED_TEXTS
from weir.inference.core.vectors import FloatVector, normalise
from weir.inference.settings import InferenceSettings
from weir.runtime.errors import Retryable
from weir.runtime.rpc.library import channel_credentials, grpc_options

INPUT = "text"
OUTPUT = "embedding"

REFUSED_STATUS = f"StatusCode.{grpc.StatusCode.INVALID_ARGUMENT.name}"
"""The one status that says the text itself cannot be taken; every other is about the world."""


class TritonEmbedder:
    """Sentence embeddings from a Triton model with a BYTES [n,1] input and an FP32 [n,dimensions] output."""

    def __init__(
        self,
        client: InferenceServerClient,
        *,
        model: str,
        dimensions: int,
        batch_texts: int,
        calls_max: int,
        deadline_ms: int,
    ) -> None:
        """batch_texts: texts in one call at most. calls_max: calls in flight. deadline_ms: of one call."""
        self._client = client
        self._model = model
        self._dimensions = dimensions
        self._batch_texts = batch_texts
        self._calls = asyncio.Semaphore(calls_max)
        self._deadline_s = deadline_ms / 1_000

    @classmethod
    def connect(cls, settings: InferenceSettings) -> TritonEmbedder:
        """The embedder of the settings; reconnects by itself. Needs a running loop."""
        certificates = settings.upstream_certificates()
        client = InferenceServerClient(
            settings.triton_address,
            creds=None if certificates is None else channel_credentials(certificates),
            channel_args=grpc_options(channel_options(settings.grpc_message_bytes_max)),
        )
        return cls(
            client,
            model=settings.embedding_model,
            dimensions=settings.embedding_dimensions,
            batch_texts=settings.embed_batch_texts,
            calls_max=settings.embed_calls_max,
            deadline_ms=settings.embed_deadline_ms,
        )

    async def embed(self, texts: Sequence[str]) -> list[FloatVector]:
        """One L2-normalised vector a text, in order. Raises Retryable and InvalidEvent as its port says."""
        starts = range(0, len(texts), self._batch_texts)
        parts = await asyncio.gather(*(self._batch(texts[at : at + self._batch_texts]) for at in starts))
        return [vector for part in parts for vector in part]

    async def close(self) -> None:
        """Close the client's channel."""
        await self._client.close()

    async def _batch(self, texts: Sequence[str]) -> list[FloatVector]:
        values = InferInput(INPUT, [len(texts), 1], "BYTES")
        values.set_data_from_numpy(np.array([[text.encode()] for text in texts], dtype=np.object_))
        async with self._calls:
            with EMBED_SECONDS.time():
                answer = await self._infer(values)
        EMBEDDED_TEXTS.inc(len(texts))
        return self._vectors(answer.as_numpy(OUTPUT), len(texts))

    async def _infer(self, values: InferInput) -> Any:
        try:
            return await self._client.infer(self._model, [values], client_timeout=self._deadline_s)
        except InferenceServerException as error:
            if error.status() == REFUSED_STATUS:
                raise InvalidEvent(
                    "handler_error", f"model {self._model!r} refused a text: {error.message()}"
                ) from error
            raise Retryable(f"model {self._model!r} did not embed: {error.status()} {error.message()}") from error

    def _vectors(self, array: Any, count: int) -> list[FloatVector]:
        shape = None if array is None else array.shape
        if shape != (count, self._dimensions):
            raise Retryable(
                f"model {self._model!r} answered {OUTPUT!r} of shape {shape}; expected {(count, self._dimensions)}; "
                "check WEIR_INFERENCE_EMBEDDING_MODEL and WEIR_INFERENCE_EMBEDDING_DIMENSIONS"
            )
        try:
            return [normalise(vector) for vector in array]
        except ValueError as error:
            raise Retryable(f"model {self._model!r} answered no usable embedding: {error}") from error
