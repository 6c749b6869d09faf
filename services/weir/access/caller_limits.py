"""What one key or one tenant may have: calls, streams, bytes and tokens, each a number or as the gateway's settings say."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from weir.access.key_text import shown

LIMIT_MAX = 2**53
"""Largest number of a limit: what JSON carries exactly."""


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """Limits; None where nothing was said."""

    calls_per_minute: int | None = None
    calls_at_once: int | None = None
    """Calls in flight."""
    streams_at_once: int | None = None
    """Open gRPC streams."""
    bytes_in_hand: int | None = None
    """Bytes of requests and kept answers of calls in flight."""
    tokens_per_minute: int | None = None
    """Estimated from bytes: nothing is decoded before a call is forwarded."""

    def over(self, base: CallerLimits) -> CallerLimits:
        """These limits, and those of `base` where nothing was said."""
        said = {name: value for name in NAMES if (value := getattr(self, name)) is not None}
        return replace(base, **said)


NAMES = tuple(field.name for field in fields(CallerLimits))

NO_LIMITS = CallerLimits()


def parse_limits(value: object, where: str) -> CallerLimits:
    """Limits of a JSON object such as {"calls_at_once": 8}. Raises ValueError naming `where` and what is wrong."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is a {type(value).__name__}; expected an object with {', '.join(NAMES)}")
    unknown = next((shown(name) for name in value if name not in NAMES), None)
    if unknown is not None:
        raise ValueError(f"{where} holds {unknown}; expected only {', '.join(NAMES)}")
    for name, number in value.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= LIMIT_MAX:
            raise ValueError(f"{where}.{name} is {shown(number)}; expected a whole number, 1 or more")
    return CallerLimits(**value)
