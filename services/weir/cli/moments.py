"""Moments: points of the log as a person writes them, `earliest`, `latest` or a time."""

from __future__ import annotations

from datetime import UTC, datetime

from weir.cli.output import CliError, ExitCode

EARLIEST, LATEST = "earliest", "latest"

Moment = int | str
"""Milliseconds since 1970-01-01 UTC, `EARLIEST` or `LATEST`."""


def moment(text: str, option: str) -> Moment:
    """The point that `text` names; a time without a zone is UTC. option: whose value it is, for the error.

    Raises CliError(INVALID) for any other text.
    """
    if text in (EARLIEST, LATEST):
        return text
    try:
        found = datetime.fromisoformat(text)
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1_000)
    except (ValueError, OverflowError) as error:
        expected = f"{EARLIEST}, {LATEST} or a time as 2026-11-24T05:00 (UTC unless it says otherwise)"
        raise CliError(ExitCode.INVALID, f"{option} is {text!r}; expected {expected}") from error


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
