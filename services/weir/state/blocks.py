"""Blocks: the arrays of one state as raw bytes behind its JSON, and the pieces that are kept elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]


@dataclass(slots=True)
class Writer:
    """What an encoding collects. blocks: bytes of arrays, in order. apart: pieces that are kept elsewhere, by name."""

    apart: dict[str, Any]
    blocks: list[bytes] = field(default_factory=list)
    size: int = 0

    def put(self, array: AnyArray) -> list[object]:
        """Where the array is: first byte, bytes, dtype, shape. Zeros at its end are not written."""
        block = array.tobytes().rstrip(b"\0")
        place = [self.size, len(block), array.dtype.str, *array.shape]
        self.blocks.append(block)
        self.size += len(block)
        return place


@dataclass(frozen=True, slots=True)
class Reader:
    """What a decoding reads from. blocks: all of them. read: gives the piece of a name."""

    blocks: memoryview
    read: Callable[[str], Any]

    def get(self, place: object, dtype: np.dtype[Any]) -> AnyArray:
        """The array that `put` wrote. Raises ValueError for another dtype, or a shape that its bytes do not fit."""
        start, size, found, *shape = place  # type: ignore[misc]  # what `put` wrote; ValueError for too few
        if found != dtype.str:
            raise ValueError(f"an array is of dtype {found}, expected {dtype.str}")
        array = np.zeros(tuple(shape), dtype=dtype)
        if not 0 <= size <= array.nbytes or start + size > len(self.blocks):
            raise ValueError(f"an array of shape {shape} has {size} bytes, expected at most {array.nbytes}")
        array.reshape(-1).view(np.uint8)[:size] = self.blocks[start : start + size]
        return array
