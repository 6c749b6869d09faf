"""Formats in which a stock client may have its answer, each written by the engine, and the content type of each.

Not here is a format that reads a file of its own (a schema, a template), or that throws the answer away.
"""

from __future__ import annotations

from weir.lineage.core.sql_strings import SqlRefused

TEXT, BYTES = "text/plain; charset=UTF-8", "application/octet-stream"
TSV, JSON = "text/tab-separated-values; charset=UTF-8", "application/json; charset=UTF-8"
LINES = "application/x-ndjson; charset=UTF-8"

CONTENT_TYPES = {
    **dict.fromkeys(
        "Native RowBinary RowBinaryWithNames RowBinaryWithNamesAndTypes MsgPack ArrowStream Arrow Parquet ORC".split(), BYTES
    ),
    **dict.fromkeys(
        "JSON JSONCompact JSONStrings JSONCompactStrings JSONColumns JSONColumnsWithMetadata JSONCompactColumns".split(), JSON
    ),
    **dict.fromkeys(
        """
        JSONEachRow JSONStringsEachRow JSONCompactEachRow JSONCompactEachRowWithNames JSONCompactEachRowWithNamesAndTypes
        JSONCompactStringsEachRow JSONCompactStringsEachRowWithNames JSONCompactStringsEachRowWithNamesAndTypes NDJSON JSONLines
        """.split(),
        LINES,
    ),
    **dict.fromkeys(
        """
        TabSeparated TabSeparatedRaw TabSeparatedWithNames TabSeparatedWithNamesAndTypes TSV TSVRaw TSVWithNames
        TSVWithNamesAndTypes TSKV
        """.split(),
        TSV,
    ),
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "CSVWithNamesAndTypes": "text/csv; charset=UTF-8; header=present",
    **dict.fromkeys("Pretty PrettyCompact PrettySpace Vertical Values Markdown XML".split(), TEXT),
}  # fmt: skip
"""Content type of each format that is served."""

DEFAULT = "TabSeparated"
"""What the engine's HTTP interface answers in when nobody asks for another."""


class FormatRefused(SqlRefused):
    """A format that is not served."""

    code = 73
    """UNKNOWN_FORMAT."""


def known_format(name: str) -> str:
    """The format, spelled as the engine does. Raises SqlRefused for one that is not served."""
    found = BY_LOWER.get(name.lower())
    if found is None:
        raise FormatRefused(f"format {name[:100]!r} is not served; served: {', '.join(sorted(CONTENT_TYPES))}")
    return found


BY_LOWER = {name.lower(): name for name in CONTENT_TYPES}
