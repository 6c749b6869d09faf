"""Silence: alerts that match are not notified from its start to its end; somebody owns it and says why.

A silence stops notifications only. The alerts go on, and their state at its end is notified then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weir.alerts.core.matcher import Matcher, all_match

MATCHERS_MAX = 20
"""Matchers of one silence; an alert has about as many labels."""

TEXT_CHARS_MAX = 1_000
"""Characters of owner and comment, each."""

DURATION_MAX_S = 366 * 86_400
"""Longest silence, seconds: a year. What should be quiet for longer is a rule to change."""


class InvalidSilence(Exception):
    """A silence that cannot be kept; the text says why."""


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence. matchers: all must match. Times are microseconds since 1970-01-01 UTC; it holds from starts_at_us up to,
    not including, ends_at_us. expired_by: who ended it early, empty for nobody."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at_us: int
    ends_at_us: int
    owner: str
    comment: str
    created_us: int
    expired_by: str = ""

    def state(self, at_us: int) -> str:
        """pending, active or expired."""
        if at_us >= self.ends_at_us:
            return "expired"
        return "active" if at_us >= self.starts_at_us else "pending"

    def mutes(self, labels: Mapping[str, str], at_us: int) -> bool:
        """Whether an alert of these labels is not notified at a time."""
        return self.state(at_us) == "active" and all_match(self.matchers, labels)


def check(silence: Silence, now_us: int) -> None:
    """Raises InvalidSilence for one that cannot be kept or would silence what nobody named."""
    if not 1 <= len(silence.matchers) <= MATCHERS_MAX:
        raise InvalidSilence(f"{len(silence.matchers)} matchers; expected 1 to {MATCHERS_MAX}")
    if all_match(silence.matchers, {}):
        raise InvalidSilence(
            "the matchers match an alert without labels, so every alert; name at least one label's value"
        )
    for name, text, asked in (("owner", silence.owner, "who"), ("comment", silence.comment, "why")):
        if not text.strip():
            raise InvalidSilence(f"{name} is blank; say {asked}")
        if len(text) > TEXT_CHARS_MAX:
            raise InvalidSilence(f"{name} has {len(text)} characters; expected 1 to {TEXT_CHARS_MAX}")
    _check_times(silence.starts_at_us, silence.ends_at_us, now_us)


def _check_times(starts_at_us: int, ends_at_us: int, now_us: int) -> None:
    if starts_at_us < 0:
        raise InvalidSilence(f"the start is {starts_at_us}; expected microseconds since 1970, 0 or more")
    if starts_at_us >= ends_at_us:
        raise InvalidSilence(f"the start ({starts_at_us}) must be before the end ({ends_at_us}); both in microseconds")
    if ends_at_us <= now_us:
        raise InvalidSilence(f"the end ({ends_at_us}) is past; it is {now_us} now, in microseconds")
    days_max, duration_us = DURATION_MAX_S // 86_400, ends_at_us - max(starts_at_us, now_us)
    if duration_us > DURATION_MAX_S * 1_000_000:
        raise InvalidSilence(
            f"it lasts {_days(duration_us)} days from now or its start on; expected {days_max} at most"
        )
    if starts_at_us > now_us + DURATION_MAX_S * 1_000_000:
        raise InvalidSilence(f"it starts later than in {days_max} days: in {_days(starts_at_us - now_us)}")


def _days(span_us: int) -> str:
    return f"{span_us / 86_400_000_000:,.2f}"
