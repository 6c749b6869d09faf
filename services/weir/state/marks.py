"""Marks: what an annotation says of the way in which its field is stored.

FloatArray = Annotated[npt.NDArray[np.float64], ARRAY]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from pydantic import GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema

Write = Callable[[Any, Any], object]
"""What JSON holds of a value, given the `Writer`."""

Read = Callable[[Any, Any], object]
"""The value again, given the `Reader`."""


class _Array:
    """An array of the dtype that its annotation names."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As pydantic asks for it."""
        dtype = _dtype_of(source)
        return _schema(lambda array, writer: writer.put(array), lambda place, reader: reader.get(place, dtype))


ARRAY = _Array()
"""Of a `npt.NDArray[...]`: raw bytes in C order, its dtype and shape checked."""


class _Symmetric:
    """A symmetric matrix of the dtype that its annotation names."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As pydantic asks for it."""
        dtype = _dtype_of(source)
        return _schema(
            lambda matrix, writer: writer.put(matrix[np.triu_indices(len(matrix))]),
            lambda place, reader: _whole(reader.get(place, dtype)),
        )


SYMMETRIC = _Symmetric()
"""Of a symmetric `npt.NDArray[...]`: the rows of its upper half, in half of the bytes."""


def _dtype_of(source: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(get_args(get_args(source)[1])[0])
    return dtype


def _whole(half: npt.NDArray[Any]) -> npt.NDArray[Any]:
    size = (math.isqrt(8 * half.size + 1) - 1) // 2
    if half.size != size * (size + 1) // 2:
        raise ValueError(f"half a symmetric matrix has {half.size} numbers, expected 1, 3, 6, 10 and so on")
    matrix = np.zeros((size, size), dtype=half.dtype)
    rows, columns = np.triu_indices(size)
    matrix[rows, columns] = matrix[columns, rows] = half
    return matrix


@dataclass(frozen=True, slots=True)
class Packed:
    """Integers as one array. build: makes the field's value of the list that the array gives."""

    dtype: npt.DTypeLike
    build: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As pydantic asks for it."""
        dtype = np.dtype(self.dtype)
        return _schema(
            lambda value, writer: writer.put(np.array(list(value), dtype=dtype)),
            lambda place, reader: self.build(reader.get(place, dtype).tolist()),
        )


class _Derived:
    """A value that is worked out from others when it is wanted."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As pydantic asks for it."""
        return _schema(lambda value, writer: None, lambda nothing, reader: None)


DERIVED = _Derived()
"""Of an optional field that is not stored: it is None after reading."""


class _Shared:
    """A value that many parts of a state have alike, such as a release."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As pydantic asks for it."""
        adapter: TypeAdapter[Any] = TypeAdapter(source)
        return _schema(
            lambda value, writer: writer.share(value, adapter), lambda number, reader: reader.shared(number, adapter)
        )


SHARED = _Shared()
"""Of a hashable value: each is written once for its field, and its number wherever it stands."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A piece that is kept elsewhere, because it changes at another speed. name: of what its bytes hold."""

    name: Callable[[Any], str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As pydantic asks for it."""

        def write(value: Any, writer: Any) -> str:
            name = self.name(value)
            writer.apart[name] = value
            return name

        def read(name: Any, reader: Any) -> Any:
            value = reader.read(name)
            if self.name(value) != name:
                raise ValueError(f"piece {name} is wanted, given was {self.name(value)}")
            return value

        return _schema(write, read)


@dataclass(frozen=True, slots=True)
class Expendable:
    """A value without which the rest is worth keeping. otherwise: makes what stands in its place when it is unreadable."""

    otherwise: Callable[[], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As pydantic asks for it."""
        return core_schema.with_default_schema(handler(source), default_factory=self.otherwise, on_error="default")


def _schema(write: Write, read: Read) -> CoreSchema:
    return core_schema.with_info_plain_validator_function(
        lambda value, info: read(value, info.context),
        serialization=core_schema.plain_serializer_function_ser_schema(
            lambda value, info: write(value, info.context), info_arg=True
        ),
    )
