"""The text of an API key, and how an error names a wrong value of a keys file without a key in it: people paste keys anywhere."""

from __future__ import annotations

import re

from weir.access.refusals import cut

KEY = re.compile(r"weir_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")

LIKE_KEY = re.compile(r"weir_[0-9a-f]{8}_[A-Za-z0-9_-]{8}")
"""What a text with a key in it has, also with one that was not copied whole."""


def shown(value: object) -> str:
    """A wrong value for an error: its beginning, or its length where the text of a key is in it."""
    text = value if isinstance(value, str) else repr(value)
    if LIKE_KEY.search(text):
        return f"{len(text):,} characters with the text of an API key in them"
    return cut(repr(value))


def counted(value: object) -> str:
    """A wrong value for an error that never repeats it."""
    return f"{len(value):,} characters" if isinstance(value, str) else f"a {type(value).__name__}"
