"""How much one event may make the store write: names are short, items are few, and their product is bounded.

The invariant: of an event that passes, the tables and views of the store write at most `COPIED_BYTES_MAX` bytes of repeated
names in each view, whatever the body. A view makes a row of each item and repeats the event's names in it, so that
100,000 empty items under one long name would be gigabytes out of a small body. The tables refuse the same (migration 0011).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from weir.events.errors import InvalidEvent

NAME_BYTES_MAX = 1_024
"""UTF-8 bytes of a name. The gateway keeps 256 characters of any, and a character has at most 4 bytes."""

NAME_CHARS_SHORT = NAME_BYTES_MAX // 4
"""Characters that are within `NAME_BYTES_MAX` whatever they are: their bytes need not be counted."""

ITEMS_MAX = 1_024
"""Items of one list of records. The longest that a service writes has 256: the messages of one batch of text features."""

COPIED_BYTES_MAX = 1_048_576
"""Bytes of names that one view writes for one event: 256 items with four names of `NAME_BYTES_MAX` each, more than the
three that the view of text features repeats."""

NAMES = frozenset(
    {
        "event_id", "source", "tenant", "trace_id", "span_id", "parent_span_id", "request_id", "client_request_id",
        "session_id", "request_event_id", "response_event_id", "protocol", "operation", "route", "model", "outcome",
        "release_digest", "embedding_model",
    }
)  # fmt: skip
"""Fields that name something: who, where, which. Texts that people and models write have the message's own limit."""

COPIED: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "InferenceCompleted": (
        ("references", "contexts"),
        ("tenant", "request_id", "route", "outcome", "release_digest"),
    ),
    "SpansRecorded": (("spans",), ("tenant", "trace_id", "request_id", "route", "event_id")),
    "TextFeaturesComputed": (("items",), ("tenant", "route", "embedding_model")),
}
"""By event, the lists that views make rows of, and the names that stand in each of these rows (migration 0002)."""


Get = Callable[..., Callable[[Any], Any]]
"""`itemgetter` or `attrgetter`: how the values of a record are read."""


def values_of(names: Sequence[str], get: Get) -> Callable[[Any], Sequence[Any]]:
    """What reads the values of these names, in order, also of one name or of none."""
    if not names:
        return lambda _: ()
    first = get(names[0])
    return get(*names) if len(names) > 1 else lambda record: (first(record),)


class Bounds:
    """The bounds of one event, compiled from its schema."""

    def __init__(self, schema: Mapping[str, Any], get: Get = itemgetter) -> None:
        """schema: an event's, its fields with types as in the file or with names replaced by records."""
        fields = {str(field["name"]): field["type"] for field in schema["fields"]}
        self.names = tuple(name for name, kind in fields.items() if kind == "string" and name in NAMES)
        self.lists = tuple(name for name, kind in fields.items() if _is_list_of_records(kind))
        self.copied_lists, self.copied_names = COPIED.get(str(schema["name"]), ((), ()))
        self._names_of, self._lists_of = values_of(self.names, get), values_of(self.lists, get)
        self._copied_of, self._copied_lists_of = values_of(self.copied_names, get), values_of(self.copied_lists, get)

    def check(self, record: Any) -> None:
        """Raise InvalidEvent("undecodable") for a record outside. About 1 us."""
        names = self._names_of(record)
        if max(map(len, names)) > NAME_CHARS_SHORT:
            for name, value in zip(self.names, names, strict=True):
                _check_name(name, value)
        for name, items in zip(self.lists, self._lists_of(record), strict=True):
            if len(items) > ITEMS_MAX:
                raise _bad(f"{name} has {len(items)} items; at most {ITEMS_MAX} are taken")
        if self.copied_lists:
            self._check_copies(record)

    def _check_copies(self, record: Any) -> None:
        items = sum(map(len, self._copied_lists_of(record)))
        if items * len(self.copied_names) * NAME_BYTES_MAX <= COPIED_BYTES_MAX:
            return
        copied = items * sum(map(_bytes, self._copied_of(record)))
        if copied > COPIED_BYTES_MAX:
            raise _bad(
                f"{items} items of {' and '.join(self.copied_lists)} would repeat the event's names in {copied} bytes;"
                f" at most {COPIED_BYTES_MAX}: shorten {', '.join(self.copied_names)}, or send fewer items"
            )


def _check_name(name: str, value: str) -> None:
    if (size := _bytes(value)) > NAME_BYTES_MAX:
        raise _bad(f"{name} has {size} bytes; at most {NAME_BYTES_MAX} are taken")


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _is_list_of_records(kind: Any) -> bool:
    if not isinstance(kind, dict) or kind["type"] != "array":
        return False
    items = kind["items"]
    return (isinstance(items, dict) and items["type"] == "record") or (isinstance(items, str) and items[:1].isupper())


def _bad(detail: str) -> InvalidEvent:
    return InvalidEvent("undecodable", detail)
