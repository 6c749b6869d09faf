"""Marks: what an annotation says of the way in which its field is stored.

FloatArray = Annotated[npt.NDArray[np.float64], ARRAY]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Write = Callable[[Any, Any], object]
"""What JSON holds of a value, given the `Writer`."""

Read = Callable[[Any, Any], object]
"""The value again, given the `Reader`."""


class _Array:
    """An array of the dtype that its annotation names."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As pydantic asks for it."""
        dtype = np.dtype(get_args(get_args(source)[1])[0])
        return _schema(lambda array, writer: writer.put(array), lambda place, reader: reader.get(place, dtype))


ARRAY = _Array()
"""Of a `npt.NDArray[...]`: raw bytes in C order, its dtype and shape checked."""


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
