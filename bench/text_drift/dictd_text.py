"""Entries of a dictionary in the format of `dictd`: an index of headwords, offsets and lengths, and the text."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

_DIGITS = {char: i for i, char in enumerate(string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/")}
_REFERENCE = re.compile(r"\{([^{}]*)\}")
_DATE = re.compile(r"\(\d{4}-\d\d-\d\d\)")
_LABEL = re.compile(r"<[^<>]{1,40}>|\[[^\[\]]{1,20}\]")


def dictd_entries(index: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Headword and text of every entry in the order of the text, entries of several headwords once, none of `00-`."""
    seen: set[int] = set()
    rows = [line.split("\t")[:3] for line in index.splitlines() if not line.startswith("00")]
    for headword, offset_text, length_text in sorted(rows, key=lambda row: (number_of(row[1]), row[0])):
        offset = number_of(offset_text)
        if offset not in seen:
            seen.add(offset)
            yield headword, content[offset : offset + number_of(length_text)].decode(errors="replace")


def number_of(digits: str) -> int:
    """A number in the base-64 digits of an index."""
    value = 0
    for digit in digits:
        value = value * 64 + _DIGITS[digit]
    return value


def entry_paragraphs(text: str) -> list[str]:
    """The paragraphs of an entry without its headword, dates, labels and the braces of cross references."""
    _, _, body = text.partition("\n")
    plain = _LABEL.sub("", _DATE.sub("", _REFERENCE.sub(r"\1", body)))
    return re.split(r"\n\s*\n", plain)
