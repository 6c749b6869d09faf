"""Records: frozen dataclasses that Avro writes as plain dictionaries.

The invariant: `type(value).from_record(value.as_record()) == value`. A field that holds a record becomes a dictionary, a
field that holds several becomes a list of them; every other value stays as it is.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, Self, TypeVar, cast

T = TypeVar("T")

NONE_GIVEN = object()
"""Default of a field whose value is made anew for each record."""


def direct_init(kind: type[T]) -> type[T]:
    """Class decorator above `@dataclass(frozen=True, slots=True, kw_only=True)`: the same `__init__`, in 0.6 of its time.

    The one that dataclasses compile goes around the refusal of `__setattr__` by a look-up for each field. This one calls what
    sets the slot:

        def __init__(self, *, kind, version=default_version):
            set_kind(self, kind)
            set_version(self, version)
    """
    namespace: dict[str, Any] = {}
    parameters, lines = ["self", "*"], []
    for field in dataclasses.fields(cast("Any", kind)):
        name = value = field.name
        namespace[f"set_{name}"] = getattr(kind, name).__set__
        if field.default_factory is not dataclasses.MISSING:
            namespace |= {
                f"default_{name}": NONE_GIVEN,
                f"make_{name}": field.default_factory,
                "NONE_GIVEN": NONE_GIVEN,
            }
            value = f"make_{name}() if {name} is NONE_GIVEN else {name}"
        elif field.default is not dataclasses.MISSING:
            namespace[f"default_{name}"] = field.default
        parameters.append(f"{name}=default_{name}" if f"default_{name}" in namespace else name)
        lines.append(f"    set_{name}(self, {value})\n")
    exec(f"def __init__({', '.join(parameters)}):\n{''.join(lines)}", namespace)  # noqa: S102  # of our own field names
    made = namespace["__init__"]
    made.__qualname__, made.__annotations__ = f"{kind.__qualname__}.__init__", kind.__init__.__annotations__
    cast("Any", kind).__init__ = made
    return kind


class Record:
    """What generated records share."""

    __slots__ = ()

    def as_record(self) -> dict[str, Any]:
        """This value as the plain record Avro encodes."""
        shape = _shape_of(type(self))
        record = dict(zip(shape.names, shape.of_value(self)))  # noqa: B905  # as many: one getter a name; strict costs a tenth
        for name, _ in shape.records:
            record[name] = record[name].as_record()
        for name, _ in shape.lists_of_records:
            record[name] = [item.as_record() for item in record[name]]
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The value that a decoded Avro record holds. Raises KeyError for a record that lacks a field."""
        shape = _shape_of(cls)
        values = {name: record[name] for name in shape.names}
        for name, kind in shape.records:
            values[name] = kind.from_record(values[name])
        for name, kind in shape.lists_of_records:
            values[name] = tuple([kind.from_record(item) for item in values[name]])
        for name in shape.lists:
            values[name] = tuple(values[name])
        return cls(**values)


class _Shape(NamedTuple):
    """What the fields of one type hold."""

    names: Sequence[str]
    of_value: Callable[[object], Sequence[Any]]
    records: Sequence[tuple[str, type[Record]]]
    lists_of_records: Sequence[tuple[str, type[Record]]]
    lists: Sequence[str]
    """Lists of plain values."""


_SHAPES: dict[type, _Shape] = {}
"""By type, filled as types are met."""


def _shape_of(kind: type[Record]) -> _Shape:
    return _SHAPES.get(kind) or _SHAPES.setdefault(kind, _read(kind))


def _read(kind: type[Record]) -> _Shape:
    """The shape as the annotations say it: about 0.2 ms."""
    hints = typing.get_type_hints(kind)
    # A record of one field does not exist: the getters then give a tuple.
    names = [field.name for field in dataclasses.fields(cast("Any", kind))]
    items = {name: typing.get_args(hints[name])[0] for name in names if typing.get_origin(hints[name]) is tuple}
    return _Shape(
        names,
        attrgetter(*names),
        [(name, hints[name]) for name in names if _is_record(hints[name])],
        [(name, item) for name, item in items.items() if _is_record(item)],
        [name for name, item in items.items() if not _is_record(item)],
    )


def _is_record(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)
