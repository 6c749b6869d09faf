"""Moments as an operator writes them: ISO 8601, or how long ago."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from weir.cli.output import CliError, ExitCode

AGO = re.compile(r"(\d{1,6})([smhd])")
"""A count and its unit, as 90m."""

UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def microseconds(option: str, text: str) -> int:
    """A moment in microseconds since 1970-01-01 UTC.

    text: ISO 8601, UTC unless it says otherwise, or how long ago: 30s, 90m, 24h, 7d. Raises CliError(INVALID).
    """
    ago = AGO.fullmatch(text.strip())
    if ago is not None:
        return max(0, time.time_ns() // 1_000 - int(ago[1]) * UNIT_S[ago[2]] * 1_000_000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CliError(
            ExitCode.INVALID, f"{option} is {text!r}; expected ISO 8601, as 2026-11-24T05:00, or an age, as 24h"
        ) from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, int(aware.timestamp() * 1_000_000))
