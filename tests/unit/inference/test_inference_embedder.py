"""Embedding on a model server: batches, order, and what each failure means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import numpy as np
import pytest
from tritonclient.grpc.aio import InferenceServerClient

from unit.inference import scripted_triton
from unit.inference.scripted_triton import DIMENSIONS, ScriptedTriton
from weir.events import InvalidEvent
from weir.inference.adapters.triton_embedder import TritonEmbedder
from weir.runtime.errors import Retryable

Embedding = Callable[..., Awaitable[TritonEmbedder]]


@pytest.fixture
async def embedding() -> AsyncIterator[Embedding]:
    """Makes an embedder of a scripted Triton: `await embedding(triton, dimensions=4)`."""
    closing = []

    async def make(triton: ScriptedTriton, dimensions: int = DIMENSIONS) -> TritonEmbedder:
        server, port = await scripted_triton.serve(triton)
        embedder = TritonEmbedder(
            InferenceServerClient(f"127.0.0.1:{port}"),
            model="minilm",
            dimensions=dimensions,
            batch_texts=2,
            calls_max=2,
            deadline_ms=5_000,
        )
        closing.append((embedder, server))
        return embedder

    yield make
    for embedder, server in closing:
        await embedder.close()
        await server.stop(None)


async def test_every_text_gets_its_own_unit_vector_in_order(embedding: Embedding) -> None:
    triton = ScriptedTriton()
    texts = ["a", "banana", "straße", "", "no"]

    vectors = await (await embedding(triton)).embed(texts)

    assert [float(np.linalg.norm(vector)) for vector in vectors] == pytest.approx([1.0] * len(texts), abs=1e-6)
    assert [round(float(vector[0] / vector[2])) for vector in vectors] == [len(text) + 1 for text in texts]


async def test_batches_are_bounded(embedding: Embedding) -> None:
    triton = ScriptedTriton()

    await (await embedding(triton)).embed(["1", "2", "3", "4", "5"])

    assert sorted(len(texts) for texts in triton.texts) == [1, 2, 2]


async def test_no_texts_make_no_call(embedding: Embedding) -> None:
    triton = ScriptedTriton()

    assert await (await embedding(triton)).embed([]) == []
    assert triton.texts == []


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL])
async def test_a_bad_world_is_retried(embedding: Embedding, code: grpc.StatusCode) -> None:
    embedder = await embedding(ScriptedTriton(fail_with=(code, "for now")))

    with pytest.raises(Retryable, match="for now"):
        await embedder.embed(["a"])


async def test_a_refused_text_is_no_matter_of_time(embedding: Embedding) -> None:
    embedder = await embedding(ScriptedTriton(fail_with=(grpc.StatusCode.INVALID_ARGUMENT, "not this")))

    with pytest.raises(InvalidEvent, match="not this"):
        await embedder.embed(["a"])


async def test_a_model_of_another_width_is_named(embedding: Embedding) -> None:
    embedder = await embedding(ScriptedTriton(), dimensions=384)

    with pytest.raises(Retryable, match=r"expected \(1, 384\)"):
        await embedder.embed(["a"])
