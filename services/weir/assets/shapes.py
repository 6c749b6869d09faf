"""Shapes: a frozen dataclass says what a mapping may hold. Its annotations check it, build it and write it.

A field of a type such as `Text` carries its check (`weir.assets.checks`). A field whose default is None may be left out, and so
may one with the metadata LEFT_OUT. A field with another default must be written today (`variables: []`): its default is for
old bodies without the key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

from weir.assets.checks import Check, Finding, list_of, mapping_of, nullable, shown
from weir.assets.references import AssetReference

LEFT_OUT: Mapping[str, bool] = {"may_be_left_out": True}
"""Metadata of a field that may be left out and is recorded all the same, null where it has no default."""


class InvalidAsset(ValueError):
    """A definition that cannot be used. findings: path and message of each thing that is wrong; the message names the value
    and what was expected."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(f"{path} {message}" for path, message in findings))
        self.findings = tuple(findings)


class Asset:
    """A specification of one kind. Its fields are the keys that may be written, and there is no other."""

    __slots__ = ()
    KIND: ClassVar[str]

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it although its shape is right."""
        yield from ()

    def references(self) -> Iterator[tuple[str, AssetReference]]:
        """The assets that it names, each with the path where it stands and with its kind."""
        yield from ()


T = TypeVar("T")
A = TypeVar("A", bound=Asset)


def parse(kind: type[A], spec: object) -> A:
    """The asset in a new specification. Raises InvalidAsset with all findings; its sense is judged once its shape is right."""
    asset = shaped(kind, spec)
    if found := list(asset.findings()):
        raise InvalidAsset(found)
    return asset


def shaped(kind: type[T], spec: object, path: str = "spec") -> T:
    """The value in a mapping of the right shape. Raises InvalidAsset with all findings."""
    hint: Any = kind
    if found := list(check_of(hint)(spec, path)):
        raise InvalidAsset(found)
    return _built(hint, spec, path)  # type: ignore[no-any-return]  # built by the annotations of `kind`


def restore(kind: type[A], body_json: str) -> A:
    """The asset in a published body, of today or of any time before: bounds and sense are not judged again, a key that is not
    known any more is passed over, one that is missing has its default. Raises InvalidAsset for a value of another type."""
    return _built(kind, json_of(body_json), "spec")  # type: ignore[no-any-return]  # built by the annotations of `kind`


def json_of(body_json: str) -> object:
    """The value in a published body. Raises InvalidAsset for one that is no JSON."""
    try:
        return json.loads(body_json)
    except (ValueError, RecursionError) as error:
        raise InvalidAsset([("spec", f"is no JSON: {error}")]) from error


def record(value: object) -> Any:
    """A value as plain data, as it was written; keys that were left out are left out. `parse` reads it back to an equal value."""
    if isinstance(value, AssetReference):
        return str(value)
    if is_dataclass(value):
        items = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: record(item) for field, item in items if item is not None or field.default is not None}
    if isinstance(value, tuple | list):
        return [record(item) for item in value]
    return {key: record(item) for key, item in value.items()} if isinstance(value, Mapping) else value


@cache
def check_of(hint: Any) -> Check:
    """The check that an annotation stands for."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        check: Check = arguments[1]
        return check
    if origin in (Union, UnionType):
        return nullable(check_of(arguments[0]))
    if origin is tuple:
        return list_of(check_of(arguments[0]))
    if origin is Mapping:
        return mapping_of(check_of(arguments[1]))
    return _mapping_check(hint)


def _mapping_check(kind: Any) -> Check:
    """A mapping with the keys of a dataclass and no other."""
    known = _fields(kind)

    def check(value: object, path: str) -> Iterator[Finding]:
        if not isinstance(value, dict):
            yield path, f"is {shown(value)}; expected a mapping with the keys {', '.join(known)}"
            return
        for key, (field, hint) in known.items():
            if key in value:
                inner = get_args(hint)[0] if field.default is None else hint
                yield from check_of(inner)(value[key], f"{path}.{key}")
            elif field.default is not None and not field.metadata:
                yield path, f"lacks the key {key!r}"
        for key in value:
            if key not in known:
                yield path, f"unknown key {shown(key)}; accepted keys: {', '.join(sorted(known))}"

    return check


@cache
def _fields(kind: Any) -> Mapping[str, tuple[Field[Any], Any]]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: (field, hints[field.name]) for field in fields(kind)}


def _built(hint: Any, value: Any, path: str) -> Any:
    """A value of the annotated type. Raises InvalidAsset for one of another type; bounds are the checks' matter."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _built(arguments[0], value, path)
    if origin in (Union, UnionType):
        return None if value is None else _built(arguments[0], value, path)
    if origin is tuple:
        _demand(value, list, path)
        return tuple(_built(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(value))
    if origin is Mapping:
        _demand(value, dict, path)
        return {key: _built(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    if hint is AssetReference:
        _demand(value, str, path)
        return AssetReference.from_text(value)
    if isinstance(hint, type) and is_dataclass(hint):
        _demand(value, dict, path)
        return hint(**dict(_items(hint, value, path)))
    if hint is not Any:
        _demand(value, (int, float) if hint is float else hint, path)
    return value


def _items(kind: Any, value: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, (field, hint) in _fields(kind).items():
        if key in value:
            yield key, _built(hint, value[key], f"{path}.{key}")
        elif field.default is MISSING and field.default_factory is MISSING:
            if get_origin(hint) not in (Union, UnionType):
                raise InvalidAsset([(path, f"lacks the key {key!r}")])
            yield key, None


WORDS = {str: "text", list: "a list", dict: "a mapping", bool: "true or false", int: "a whole number"}
"""Types of JSON as an error names them."""


def _demand(value: object, kind: Any, path: str) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InvalidAsset([(path, f"is {shown(value)}; expected {WORDS.get(kind, 'a number')}")])
