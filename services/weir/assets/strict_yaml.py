"""Strict YAML: every value means what it would mean in JSON, and whatever would be guessed or dropped is refused.

Invariant: a document that is read is read whole. Refused, with line and column: a key given twice (YAML keeps the last), an
anchor, an alias or a merge key (a few lines can expand to gigabytes), a tag, a number that is not finite or has more than
64 bits, a text with half of a surrogate pair, a bare U+0085, U+2028 or U+2029, nesting beyond DEPTH_MAX, a text beyond
BYTES_MAX. `yes`, `010`, `1:30` and dates are text, not true, 8, 90 and dates: only JSON's words and numbers have a meaning
of their own. A text that is JSON is read by JSON's reader, and two escapes that are one character in JSON are that
character in every quoted text. A caller's `fill` changes keys and texts: one without quotes that becomes a number is a number,
any other that changes is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import Any

import yaml

from weir.assets.strict_json import DEPTH_MAX, DIGITS_MAX, INTEGER_BITS, SHOWN_CHARS, SURROGATE, value_of

BYTES_MAX = 524_288
"""Longest file, bytes: fifteen times the largest met. Reading this much takes about 10 s: more would seem to hang."""

DOCUMENTS_MAX = 1_000
"""Documents in one file."""

PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""Two escapes of one character beyond 16 bits, as JSON writes it: `\\ud83d\\ude00`."""

FOLDED = re.compile("[\x85\u2028\u2029]")
"""Characters of a text in JSON, ends of a line in YAML 1.1: PyYAML would make spaces of them, or drop the spaces beside."""


Fill = Callable[[str], str]
"""What a key or text becomes before it is read."""


class NotStrict(ValueError):
    """The text is no strict YAML; the error says where (line and column, counted from 1) and what was expected."""


def read_documents(content: bytes) -> list[Any]:
    """The documents in a file's bytes, empty ones left out. Raises NotStrict."""
    if len(content) > BYTES_MAX:
        raise NotStrict(f"it has {len(content)} bytes; expected {BYTES_MAX} at most")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotStrict(
            f"line {line}: byte 0x{content[error.start]:02x} is no UTF-8; save the file in that encoding"
        ) from error
    return read_text(text)


def read_text(text: str, fill: Fill = str) -> list[Any]:
    """The documents in a text, empty ones left out. Raises NotStrict, and what `fill` raises."""
    if text.lstrip(" \t\r\n").startswith(("{", "[", '"')):
        try:
            return [value_of(text, levels_max=DEPTH_MAX, fill=fill)]
        except ValueError:  # no JSON, or not strict: below it is refused with its place
            pass
    _demand_plain_lines(text)
    loader: Any = _Loader(text, fill)  # the library leaves its methods untyped
    found: list[Any] = []
    try:
        while loader.check_data():
            document = loader.get_data()
            if document is not None:
                found.append(document)
            if len(found) > DOCUMENTS_MAX:
                raise NotStrict(f"it holds more than {DOCUMENTS_MAX} documents; write several files")
    except NotStrict:
        raise
    except yaml.MarkedYAMLError as error:
        raise NotStrict(_with_line(error)) from error
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:  # PyYAML lets some escape
        raise NotStrict(str(error)[:400]) from error
    finally:
        loader.dispose()
    return found


def _demand_plain_lines(text: str) -> None:
    found = FOLDED.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        escape = ascii(found[0])[1:-1]
        raise NotStrict(
            f"line {line}: U+{ord(found[0]):04X} ends a line in YAML; write {escape} in a text in double quotes"
        )


def _with_line(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{error.problem or error.context}"


class _Loader(yaml.SafeLoader):
    """SafeLoader with JSON's scalars and without what repeats, expands or replaces."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def __init__(self, text: str, fill: Fill) -> None:
        try:
            super().__init__(text)
        except yaml.YAMLError as error:
            raise NotStrict(str(error)[:400]) from error
        self._depth = 0
        self._fill = fill

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            _refuse(event, "an anchor or alias (& or *); write the value out where it is needed")
        if getattr(event, "tag", None) is not None:
            _refuse(event, f"the tag {event.tag[:SHOWN_CHARS]!r}; values have no tags here")
        self._depth += 1
        if self._depth > DEPTH_MAX:
            _refuse(event, f"nested more than {DEPTH_MAX} levels deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_scalar_node(self, anchor: Any) -> Any:
        node: Any = super().compose_scalar_node(anchor)
        filled = self._fill(node.value)
        if filled != node.value:
            node.value, node.tag = filled, STR
            if node.style is None and NUMBER.fullmatch(filled):
                node.tag = self.resolve(yaml.ScalarNode, filled, (True, False))  # type: ignore[no-untyped-call]  # as above
        if SURROGATE.search(node.value):
            node.value = PAIR.sub(_joined, node.value)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != STR:
                _refuse(key, f"key {_shown(key)} is no text; write it in quotes")
            if key.value == "<<" and key.style is None:
                _refuse(key, "a merge key (<<); write the keys out")
            if key.value in seen:
                _refuse(key, f"key {_shown(key)} is given twice, first in line {seen[key.value]}; keep one")
            seen[key.value] = key.start_mark.line + 1
        return {
            self.construct_object(key, deep=True): self.construct_object(value, deep=True) for key, value in node.value
        }

    def construct_yaml_map(self, node: Any) -> Generator[dict[Any, Any]]:
        yield self.construct_mapping(node, deep=True)

    def construct_yaml_int(self, node: Any) -> int:
        value = int(node.value) if len(node.value) <= DIGITS_MAX else 2**INTEGER_BITS
        if not -(2**INTEGER_BITS) <= value < 2**INTEGER_BITS:
            _refuse(node, f"the number {_shown(node)} has more than 64 bits; write it as a text in quotes")
        return value

    def construct_yaml_float(self, node: Any) -> float:
        value = float(node.value)
        if value in (float("inf"), float("-inf")):
            _refuse(node, f"the number {_shown(node)} is too large for any field")
        return value

    def construct_yaml_str(self, node: Any) -> str:
        if SURROGATE.search(node.value):
            _refuse(node, f"the text {_shown(node)} holds half of a surrogate pair; it cannot be stored")
        return str(node.value)


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _refuse(at: Any, problem: str) -> None:
    raise yaml.constructor.ConstructorError(None, None, problem, at.start_mark)


def _shown(node: Any) -> str:
    return repr(str(node.value)[:SHOWN_CHARS])


NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
"""A number as JSON writes it."""

STR = "tag:yaml.org,2002:str"

for _word, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    ("float", NUMBER.pattern, list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_word}", re.compile(rf"(?:{_pattern})\Z"), _first)

for _word in ("map", "int", "float", "str"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_word}", getattr(_Loader, f"construct_yaml_{_word}"))
