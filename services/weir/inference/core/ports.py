"""What the features job needs from outside, by role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weir.inference.core.vectors import FloatVector


class Embedder(Protocol):
    """Turns texts into sentence embeddings."""

    async def embed(self, texts: Sequence[str]) -> list[FloatVector]:
        """One L2-normalised float32 vector a text, in order.

        Raises Retryable while the model cannot be reached, InvalidEvent for texts that the model can never take.
        """
