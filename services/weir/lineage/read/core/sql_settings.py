"""What a stock client sends beside its statement: each name is applied, changes nothing by its nature, or is refused.

Invariant: nothing is accepted and then ignored. A bound of the service can be made narrower by a request and never wider.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read.core.sql_arguments import check_zone_name

WHOLE = re.compile(r"[0-9]{1,18}")
SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
SWITCH = re.compile(r"0|1|true|false", re.IGNORECASE)


class SettingRefused(SqlRefused):
    """A setting that may not be changed, or not so far; the text names it."""

    code = 164
    """READONLY."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a statement over HTTP, which a request may only narrow."""

    rows_max: int
    bytes_max: int
    memory_bytes_max: int
    seconds_max: int


SWITCHES = frozenset(
    """
    extremes join_use_nulls output_format_arrow_string_as_string output_format_binary_write_json_as_string
    output_format_csv_crlf_end_of_line output_format_decimal_trailing_zeros output_format_json_named_tuples_as_objects
    output_format_json_quote_64bit_integers output_format_json_quote_decimals output_format_json_quote_denormals
    output_format_native_write_json_as_string output_format_parquet_string_as_string output_format_tsv_crlf_end_of_line
    output_format_write_statistics
    """.split()
)
"""Settings that are on or off."""

NUMBERS = frozenset({"limit", "offset", "max_rows_to_read", "max_bytes_to_read"})
"""Settings that hold a whole number of their own, without a bound of the service."""

WORDS: Mapping[str, frozenset[str]] = {
    "date_time_output_format": frozenset({"simple", "iso", "unix_timestamp"}),
    "result_overflow_mode": frozenset({"throw", "break"}),
}
"""Settings that hold one of some words."""

BOUNDED: Mapping[str, Callable[[Bounds], int]] = {
    "max_execution_time": lambda bounds: bounds.seconds_max,
    "max_memory_usage": lambda bounds: bounds.memory_bytes_max,
    "max_result_bytes": lambda bounds: bounds.bytes_max,
    "max_result_rows": lambda bounds: bounds.rows_max,
}
"""Settings that narrow a bound of the service."""

APPLIED = SWITCHES | NUMBERS | frozenset(WORDS) | frozenset(BOUNDED) | {"session_timezone"}
"""Every setting that is applied to the one statement it comes with."""

TYPES_CHANGED_BY = frozenset({"join_use_nulls", "session_timezone"})
"""Applied settings that the types of an answer's columns depend on. The rest say how much is read or how it is written: `limit`
would cut a list of columns."""

ZERO_ONLY = frozenset(
    """
    add_http_cors_header cancel_http_readonly_queries_on_client_close decompress http_write_exception_in_output_format
    send_progress_in_http_headers session_check
    """.split()
)
"""Arguments that ask for nothing while they are 0, and are refused otherwise: none of it is done."""

WITHOUT_EFFECT: Mapping[str, re.Pattern[str]] = {
    "buffer_size": WHOLE,  # an answer is always buffered whole
    "wait_end_of_query": SWITCH,  # the same
    "session_id": re.compile(r"[\x20-\x7e]{1,256}"),  # no statement changes a session, so every one is as it was
    "session_timeout": WHOLE,
    "readonly": re.compile(r"1|2"),  # nothing but reading is possible
    "max_threads": re.compile(r"1"),  # it is one
    "network_compression_method": re.compile(r"lz4", re.IGNORECASE),  # it is the one of compress=1
    "user": re.compile(r"[^\x00-\x1f]{1,256}"),  # the token is what opens; a user's name opens nothing
}
"""Arguments that change nothing by what they mean here, with the values of which that is true."""

OF_THE_ANSWER = frozenset({"client_protocol_version", "compress", "enable_http_compression"})
"""Arguments that say how the answer is put on the wire; the answer reads them."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Settings of the engine for one request, and how many rows its answer may have."""

    settings: dict[str, str]
    rows_max: int
    """More rows than that are a failure."""
    is_cut: bool
    """Whether the request asks that they are cut instead."""


def applied(asked: Mapping[str, str], bounds: Bounds) -> Applied:
    """Settings of the engine for a request. asked: its arguments, without statement, parameters and format.

    Raises SettingRefused naming the first argument that is not taken.
    """
    found = {name: _checked(name, value, bounds) for name, value in asked.items() if not _is_empty(name, value)}
    rows_max = int(found.get("max_result_rows", bounds.rows_max))
    is_cut = found.get("result_overflow_mode") == "break"
    if is_cut:  # the engine cuts between blocks; `limit` cuts at the row
        found["limit"] = str(min(int(found.get("limit", 0)) or rows_max, rows_max))
    return Applied(found, rows_max, is_cut)


def _is_empty(name: str, value: str) -> bool:
    """Whether an argument asks for nothing of the engine. Raises SettingRefused for a value that would."""
    if name in ZERO_ONLY:
        if value not in ("", "0", "false"):
            raise SettingRefused(f"{name}={value[:100]!r} is not served; leave it out, or 0")
        return True
    if name in WITHOUT_EFFECT:
        if WITHOUT_EFFECT[name].fullmatch(value) is None:
            raise SettingRefused(f"{name}={value[:100]!r} is not served here; see docs/sql.md for what is")
        return True
    return name in OF_THE_ANSWER


def _checked(name: str, value: str, bounds: Bounds) -> str:
    if name in BOUNDED:
        return _narrower(name, value, BOUNDED[name](bounds))
    if name == "session_timezone":
        check_zone_name(value)
        return value
    if name in WORDS:
        return _one_of(name, value, value in WORDS[name], f"one of {', '.join(sorted(WORDS[name]))}")
    if name in SWITCHES:
        return _one_of(name, value, SWITCH.fullmatch(value) is not None, "0 or 1")
    if name in NUMBERS:
        return _one_of(name, value, WHOLE.fullmatch(value) is not None, "a whole number")
    raise SettingRefused(f"setting {name[:100]!r} may not be changed here; these may: {', '.join(sorted(APPLIED))}")


def _narrower(name: str, value: str, bound: int) -> str:
    is_number = (SECONDS if name == "max_execution_time" else WHOLE).fullmatch(value) is not None
    return _one_of(name, value, is_number and 0 < float(value) <= bound, f"more than 0 and at most {bound}")


def _one_of(name: str, value: str, is_fine: bool, expected: str) -> str:
    if not is_fine:
        raise SettingRefused(f"setting {name} is {value[:100]!r}; expected {expected}")
    return value
