"""The standard variables of OpenTelemetry that Weir serves, each with what it may hold.

OpenTelemetry's SDK passes over a value that it cannot read, or raises without the variable's name. So every value is read here
first, and one with which no send could work is refused. White space alone is as good as unset.
"""

from __future__ import annotations

import math
import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from weir.runtime.errors import BadSetting

BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""Variable with the collector's URL, to which each signal adds its path."""

INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
"""Variable with the time between two sends of metrics, milliseconds."""

QUEUE, BATCH = "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
"""Variables with the spans that may wait, and the spans of one send."""

QUEUE_DEFAULT, BATCH_DEFAULT = 2_048, 512
"""Spans that wait, and spans of one send, where the variables say nothing; specified by OpenTelemetry."""

QUEUE_MAX = 1_000_000
"""Spans that may wait. Chosen: about a gigabyte of memory, more than any service may use for them."""

DAY_MS = 86_400_000
"""Longest time between two sends, milliseconds: a day. Chosen: nobody watches what is older."""

TIMEOUT_MAX_S = 3_600.0
"""Longest time for a send, seconds: an hour. Chosen so that a value in milliseconds (10000) is refused, not taken for hours."""

SPOKEN = "http/protobuf"
"""The form of OTLP that is sent."""

SHOWN_CHARS = 80
"""Characters of a wrong value that an error repeats."""

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Name of a header; specified by RFC 9110."""

HEADER_TEXT = re.compile(r"[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
"""What the SDK takes in the value of a header before it decodes it: no comma, semicolon, quote or backslash."""


class _Unread(Exception):
    """A value cannot be served; the text says what is expected."""


Read = Callable[[str], object]
"""Reads a value. Raises _Unread."""


def require_served(environment: Mapping[str, str]) -> None:
    """Raises BadSetting naming the first variable that holds what Weir cannot do, its value and what is expected."""
    for name, read in SERVED.items():
        value = environment.get(name, "")
        if not (value if read in AS_IT_STANDS else value.strip()):
            continue
        try:
            read(value)
        except _Unread as expected:
            shown = "" if read in SECRET else f"={value[:SHOWN_CHARS]}"
            raise BadSetting(f"{name}{shown} is not what Weir does; unset it or use {expected}") from expected
    queue, batch = (_spans_of(environment, *one) for one in ((QUEUE, QUEUE_DEFAULT), (BATCH, BATCH_DEFAULT)))
    if batch > queue:
        raise BadSetting(f"{BATCH} is {batch} and {QUEUE} is {queue}; expected a batch of no more spans than may wait")


def every_s(environment: Mapping[str, str]) -> float:
    """Seconds between two sends of metrics; a minute where nothing is said. The variable was read by `require_served`."""
    value = environment.get(INTERVAL, "").strip()
    return int(value) / 1_000 if value else 60.0


def _spans_of(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name, "").strip()
    return int(value) if value else default


def _one_of(*words: str) -> Read:
    def read(value: str) -> None:
        if value.strip().lower() not in words:
            raise _Unread(" or ".join(words))

    return read


def _whole(unit: str, largest: int) -> Read:
    def read(value: str) -> None:
        digits = value.strip()
        if not (
            digits.isascii() and digits.isdigit() and len(digits) <= len(str(largest)) and 1 <= int(digits) <= largest
        ):
            raise _Unread(f"a whole number of {unit} from 1 to {largest}")

    return read


def _timeout(value: str) -> None:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= TIMEOUT_MAX_S:
        raise _Unread(f"a number of seconds above 0 and at most {TIMEOUT_MAX_S:.0f}")


def _base_url(value: str) -> None:
    if not _is_url(value) or "?" in value:
        raise _Unread("a URL without a query such as http://127.0.0.1:4318")


def _url(value: str) -> None:
    if not _is_url(value):
        raise _Unread("a whole URL such as http://127.0.0.1:4318/v1/traces")


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_whole and value.isascii() and value.isprintable() and not {" ", "#"} & set(value)


def _headers(value: str) -> None:
    for pair in filter(None, (pair.strip() for pair in value.split(","))):
        name, equals, text = pair.partition("=")
        decoded = unquote(text, encoding="utf-8").strip()
        is_text = HEADER_TEXT.fullmatch(text) and decoded.isascii() and decoded.isprintable()
        if not (equals and NAME.fullmatch(unquote(name).strip()) and is_text):
            raise _Unread(
                "name=value,name=value; each value printable ASCII, percent-encoded (the value is not shown here)"
            )


def _attributes(value: str) -> None:
    if not all(
        name.strip() and equals
        for name, equals, _ in (pair.partition("=") for pair in value.split(",") if pair.strip())
    ):
        raise _Unread("name=value,name=value")


def _certificates(value: str) -> None:
    try:
        if not Path(value).is_dir():  # a folder of certificates is looked into when one is needed
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
    except (OSError, ValueError) as error:
        raise _Unread(f"the path of a file with certificates in PEM form ({error})") from error


def _file(value: str) -> None:
    try:
        with Path(value).open("rb"):
            return
    except (OSError, ValueError) as error:
        raise _Unread(f"the path of a file that can be read ({error})") from error


SIGNALS = ("", "TRACES_", "METRICS_")
"""Each variable of the sender is there for both, and for one of them alone."""


def _of_the_sender(end: str, read: Read) -> dict[str, Read]:
    return {f"OTEL_EXPORTER_OTLP_{signal}{end}": read for signal in SIGNALS}


SERVED: Mapping[str, Read] = {
    **_of_the_sender("PROTOCOL", _one_of(SPOKEN)),
    **_of_the_sender("ENDPOINT", _url),
    BASE: _base_url,
    **_of_the_sender("HEADERS", _headers),
    **_of_the_sender("TIMEOUT", _timeout),
    **_of_the_sender("COMPRESSION", _one_of("none", "gzip", "deflate")),
    **_of_the_sender("CERTIFICATE", _certificates),
    **_of_the_sender("CLIENT_KEY", _file),
    **_of_the_sender("CLIENT_CERTIFICATE", _file),
    "OTEL_TRACES_EXPORTER": _one_of("otlp", "none"),
    "OTEL_METRICS_EXPORTER": _one_of("otlp", "none"),
    "OTEL_TRACES_SAMPLER": _one_of("parentbased_always_on"),
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": _one_of("cumulative"),
    QUEUE: _whole("spans", QUEUE_MAX),
    BATCH: _whole("spans", QUEUE_MAX),
    "OTEL_BSP_SCHEDULE_DELAY": _whole("milliseconds", DAY_MS),
    INTERVAL: _whole("milliseconds", DAY_MS),
    "OTEL_RESOURCE_ATTRIBUTES": _attributes,
    "OTEL_SDK_DISABLED": _one_of("true", "false"),
}
"""The variables, and what reads each."""

SECRET = (_headers, _url, _base_url)
"""Readers of values that are not repeated in an error: a header's value and what stands in a URL may be a secret."""

AS_IT_STANDS = (_certificates, _file)
"""Readers of names of files, of which the SDK takes white space too."""
