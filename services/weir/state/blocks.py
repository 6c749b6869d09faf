"""What stands beside the JSON of a state: arrays as raw bytes, values that are written once, pieces kept elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

AnyArray = npt.NDArray[Any]

NARROWED_BYTES = 4_096
"""Least array of integers that is narrowed. Arbitrary: of smaller ones, any value from 1,000 to 100,000, there is little to
gain for the 10 us that it takes.
"""


@dataclass(slots=True)
class Writer:
    """What an encoding collects.

    apart: pieces that are kept elsewhere, by name. blocks: bytes of arrays, in order, `size` in all. table: JSON of the values
    that are written once; `numbers` says where each stands in it.
    """

    apart: dict[str, Any]
    blocks: list[bytes] = field(default_factory=list)
    size: int = 0
    table: list[object] = field(default_factory=list)
    numbers: dict[object, int] = field(default_factory=dict)

    def put(self, array: AnyArray) -> list[object]:
        """Where the array is: first byte, bytes, dtype, shape. Zeros at its end are not written, and many integers in as
        few bytes as the largest of them needs.
        """
        if array.dtype.kind in "iu" and array.nbytes >= NARROWED_BYTES:
            narrow = np.result_type(*map(np.min_scalar_type, (array.min(), array.max())))
            array = array.astype(narrow) if np.can_cast(narrow, array.dtype) else array
        block = array.tobytes().rstrip(b"\0")
        place = [self.size, len(block), array.dtype.str, *array.shape]
        self.blocks.append(block)
        self.size += len(block)
        return place

    def share(self, value: Any, adapter: TypeAdapter[Any]) -> int:
        """The number of a value in the table, which is hashable; put there when it is new."""
        number = self.numbers.setdefault((adapter, value), len(self.table))
        if number == len(self.table):
            self.table.append(adapter.dump_python(value, mode="json"))
        return number


@dataclass(frozen=True, slots=True)
class Reader:
    """What a decoding reads from. blocks: all of them. table: what was shared. read: gives the piece of a name."""

    blocks: memoryview
    table: list[Any]
    read: Callable[[str], Any]

    def get(self, place: list[Any], dtype: np.dtype[Any]) -> AnyArray:
        """The array that `put` wrote, read-only. Raises ValueError for another dtype, or a shape that its bytes do not fit."""
        start, size, found, *shape = place
        written = np.dtype(found)
        if written != dtype and (dtype.kind not in "iu" or not np.can_cast(written, dtype)):
            raise ValueError(f"an array is of dtype {found}, expected {dtype.str}")
        array = np.zeros(tuple(shape), dtype=written)
        if not 0 <= size <= array.nbytes or start + size > len(self.blocks):
            raise ValueError(f"an array of shape {shape} has {size} bytes, expected at most {array.nbytes}")
        array.reshape(-1).view(np.uint8)[:size] = self.blocks[start : start + size]
        array = array.astype(dtype, copy=False)
        array.setflags(write=False)
        return array

    def shared(self, number: int, adapter: TypeAdapter[Any]) -> Any:
        """The value that `share` put into the table. Raises ValueError for a number that is not there."""
        if not 0 <= number < len(self.table):
            raise ValueError(f"value {number} of a table of {len(self.table)} is wanted")
        return adapter.validate_python(self.table[number])
