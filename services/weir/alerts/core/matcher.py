"""Matcher: one comparison over a label, written as Alertmanager writes it: a=b, a!=b, a=~regex, a!~regex.

Regular expressions are RE2's, which match in time linear to the text: no expression can hold up alerting. They match whole
values. A label that is missing is the empty text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import re2

SHAPE = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)

CHARS_MAX = 500
"""Characters of one matcher, as given and as written in its normal form, in which it is kept and read back. A name and a
few alternatives fit many times."""


class InvalidMatcher(Exception):
    """A matcher that cannot be read; the text says which and what was expected."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """name, operator and value of a comparison."""

    name: str
    operator: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels are as this matcher asks."""
        found = labels.get(self.name, "")
        is_equal = re2.fullmatch(self.value, found) is not None if "~" in self.operator else found == self.value
        return is_equal != self.operator.startswith("!")

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{json.dumps(self.value, ensure_ascii=False)}"


def matcher_from(text: str) -> Matcher:
    """The matcher in a text; its value may stand in double quotes. Raises InvalidMatcher."""
    found = SHAPE.fullmatch(text) if len(text) <= CHARS_MAX else None
    if found is None:
        raise InvalidMatcher(f"matcher {text[:CHARS_MAX]!r} cannot be read; expected label=value, != , =~ or !~")
    name, operator, value = found.groups()
    matcher = Matcher(name, operator, _unquoted(value, text))
    if len(str(matcher)) > CHARS_MAX:
        raise InvalidMatcher(
            f"matcher {text!r} has {len(str(matcher))} characters with its value in quotes; expected {CHARS_MAX} at most"
        )
    if "~" in operator:
        try:
            re2.compile(matcher.value, _quiet())
        except re2.error as error:
            raise InvalidMatcher(f"matcher {text!r} holds an expression that RE2 cannot read: {error}") from error
    return matcher


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels are as every matcher asks."""
    return all(matcher.matches(labels) for matcher in matchers)


def _unquoted(value: str, text: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        plain = json.loads(value)
    except ValueError as error:
        raise InvalidMatcher(f"matcher {text!r} has a quoted value that cannot be read: {error}") from error
    if not isinstance(plain, str):
        raise InvalidMatcher(f"matcher {text!r} has a value that is no text")
    return plain


def _quiet() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options
