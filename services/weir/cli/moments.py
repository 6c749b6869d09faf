"""Moments as an operator writes them: ISO 8601, how long ago, and for the log also `earliest` and `latest`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from weir.cli.output import CliError, ExitCode

AGO = re.compile(r"(\d{1,6})([smhd])")
"""A count and its unit, as 90m."""

UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

EARLIEST, LATEST = "earliest", "latest"

Moment = int | str
"""A point of the log: milliseconds since 1970-01-01 UTC, `EARLIEST` or `LATEST`."""


def microseconds(option: str, text: str, also: str = "") -> int:
    """A moment in microseconds since 1970-01-01 UTC.

    text: ISO 8601, UTC unless it says otherwise, or how long ago: 30s, 90m, 24h, 7d. also: what else the option takes,
    for the error. Raises CliError(INVALID).
    """
    ago = AGO.fullmatch(text.strip())
    if ago is not None:
        return max(0, time.time_ns() // 1_000 - int(ago[1]) * UNIT_S[ago[2]] * 1_000_000)
    try:
        found = datetime.fromisoformat(text)
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        time_us = round(aware.timestamp() * 1_000_000)
    except (ValueError, OverflowError) as error:
        expected = f"{also}ISO 8601, as 2026-11-24T05:00 (UTC unless it says otherwise), or an age, as 24h"
        raise CliError(ExitCode.INVALID, f"{option} is {text!r}; expected {expected}") from error
    if time_us < 0:
        raise CliError(
            ExitCode.INVALID, f"{option} is {text!r}, before 1970; no event is as old; expected a later time"
        )
    return time_us


def moment(text: str, option: str) -> Moment:
    """The point of the log that `text` names: `earliest`, `latest` or what `microseconds` reads. Raises as it does."""
    return text if text in (EARLIEST, LATEST) else microseconds(option, text, f"{EARLIEST}, {LATEST}, ") // 1_000


def span(since: str, until: str) -> tuple[Moment, Moment]:
    """The points of `--from` and `--to`. Raises CliError(INVALID) unless the first is before the second."""
    first, end = moment(since, "--from"), moment(until, "--to")
    is_backward = isinstance(first, int) and isinstance(end, int) and first >= end
    if is_backward or first == LATEST or end == EARLIEST:
        raise CliError(ExitCode.INVALID, f"--from {since} is not before --to {until}; expected a range of the log")
    return first, end


def written(time_us: int) -> str:
    """A time of an event, microseconds since 1970-01-01 UTC, as ISO 8601 with seconds."""
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
