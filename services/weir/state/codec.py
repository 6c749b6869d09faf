"""Codec: a state as bytes and back, to the last bit; pydantic derives both ways from the annotations.

    line    weir <name> <layout> <checksum> <bytes of the JSON> <bytes of the table>
    JSON    everything else
    table   JSON of values that are written once, see `marks.SHARED`
    blocks  the arrays, see `blocks`

A field that is added with a default reads older bytes. Any other change of a type raises `layout` and brings a
migration, or older bytes are refused. The same state gives the same bytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from weir.state.blocks import Reader, Writer

State = TypeVar("State")

Migration = Callable[[Any], Any]
"""The JSON of a state under the next layout."""

CONFIG = ConfigDict(
    strict=True, extra="forbid", ser_json_inf_nan="constants", ser_json_bytes="base64", val_json_bytes="base64"
)
"""Of every type: no value is guessed, no field is ignored."""


class StateError(ValueError):
    """Bytes that are not the state that was asked for: damaged, of another kind, or of a layout that cannot be read."""


def nothing_apart(name: str) -> object:
    """Of a state without pieces that are kept elsewhere."""
    raise StateError(f"piece {name} is wanted, none was given")


class Codec(Generic[State]):
    """Of one type. Raises no other error than StateError for bytes, and whatever `read` raises that is no ValueError."""

    def __init__(
        self, kind: type[State], name: str, layout: int, migrations: Mapping[int, Migration] | None = None
    ) -> None:
        """kind: the type. name: in the first line, without spaces. migrations: by the layout that each starts from."""
        self._name, self._layout, self._migrations = name, layout, migrations or {}
        # In a tuple, because pydantic takes no configuration for a dataclass that has none of its own.
        self._adapter: TypeAdapter[tuple[State]] = TypeAdapter(tuple[kind], config=CONFIG)  # type: ignore[valid-type, arg-type]  # known at run time

    def encode(self, state: State, apart: dict[str, Any] | None = None) -> bytes:
        """The bytes. apart: takes the pieces that are kept elsewhere, by name.

        Raises ValueError for a value that is not what its annotation says.
        """
        writer = Writer({} if apart is None else apart)
        try:
            text = self._adapter.dump_json((state,), context=writer, warnings="error")
        except PydanticSerializationError as error:
            raise ValueError(f"cannot store a {self._name}: {error}") from error
        table = json.dumps(writer.table, separators=(",", ":")).encode()
        body = b"".join((text, table, *writer.blocks))
        return f"weir {self._name} {self._layout} {zlib.crc32(body)} {len(text)} {len(table)}\n".encode() + body

    def decode(self, content: bytes, read: Callable[[str], object] = nothing_apart) -> State:
        """The state again. read: gives the piece of a name; raises ValueError when it cannot. Raises StateError."""
        line, _, body = content.partition(b"\n")
        try:
            if not line.startswith(b"weir "):
                raise ValueError("they do not begin as a state does, or are of a version before it had this form")
            _, name, layout, checksum, size, table_size = line.decode().split(" ")
            if int(checksum) != zlib.crc32(body):
                raise ValueError("they are damaged")
            found, text, rest = (name, int(layout)), body[: int(size)], memoryview(body)[int(size) :]
            reader = Reader(rest[int(table_size) :], json.loads(bytes(rest[: int(table_size)])), read)
        except ValueError as error:
            raise StateError(f"cannot read {len(content)} bytes as a {self._name}: {error}") from error
        try:
            return self._adapter.validate_json(self._migrate(found, text), context=reader)[0]
        except ValidationError as error:
            raise StateError(f"cannot read {len(content)} bytes as a {self._name}: {_first(error)}") from error
        except (TypeError, LookupError) as error:  # a mark, a migration or a type that met what it does not expect
            raise StateError(f"cannot read {len(content)} bytes as a {self._name}: {error!r}") from error

    def _migrate(self, found: tuple[str, int], text: bytes) -> bytes:
        layout = found[1]
        if found[0] != self._name or layout > self._layout:
            raise StateError(f"state is of kind and layout {found}, expected {(self._name, self._layout)}")
        if layout == self._layout:
            return text
        (state,) = json.loads(text)
        while layout < self._layout:
            if layout not in self._migrations:
                raise StateError(f"state is of kind and layout {found}, expected {(self._name, self._layout)}")
            state, layout = self._migrations[layout](state), layout + 1
        return json.dumps([state]).encode()


def _first(error: ValidationError) -> str:
    """Where the first mistake is and what it is; never the value, which may be a text of a call."""
    one = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}"
