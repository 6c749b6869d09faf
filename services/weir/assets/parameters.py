"""Reading the parameters of an evaluator's definition: each by name and type, and none that nobody reads."""

from __future__ import annotations

from collections.abc import Mapping


class InvalidDefinition(ValueError):
    """An evaluator's definition cannot be used; the text names the key, its value and what was expected."""


class Parameters:
    """The `parameters` of one definition. Each read takes a key out; `refuse_rest` complains about what is left."""

    def __init__(self, values: Mapping[str, object], what: str = "parameters") -> None:
        """what: name of the keys, for errors."""
        self._values = dict(values)
        self._what = what

    def number(self, key: str, default: float, *, least: float, most: float) -> float:
        """A number between `least` and `most`, ends included."""
        value = self._values.pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise InvalidDefinition(f"{key} is {value!r}; expected a number from {least} to {most}")
        return float(value)

    def count(self, key: str, default: int | None) -> int | None:
        """A whole number of at least 0; None when it is not set and has no default."""
        value = self._values.pop(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InvalidDefinition(f"{key} is {value!r}; expected a whole number of at least 0")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """true or false."""
        value = self._values.pop(key, default)
        if not isinstance(value, bool):
            raise InvalidDefinition(f"{key} is {value!r}; expected true or false")
        return value

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts that are not empty."""
        value = self._values.pop(key, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise InvalidDefinition(f"{key} is {value!r}; expected a list of texts that are not empty")
        return tuple(value)

    def refuse_rest(self) -> None:
        """Raises InvalidDefinition when a key was given that this evaluator does not know."""
        if self._values:
            raise InvalidDefinition(f"unknown {self._what} {sorted(self._values)}; check their spelling")
