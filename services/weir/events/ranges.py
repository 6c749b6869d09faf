"""Which numbers an event may hold: what Avro, JSON, `datetime` and the store can all carry, by the name of the field.

The invariant: a number outside its range never leaves a decoder, and the store's tables refuse it (migration 0008).
"""

from __future__ import annotations

from dataclasses import dataclass

TIME_MIN_US = 946_684_800_000_000
"""2000-01-01 UTC, the first time accepted. Before every event of a generative model; seconds, or milliseconds, taken for
microseconds lie in 1970."""

TIME_END_US = 3_660_768_000_000_000
"""2086-01-01 UTC, the first time not accepted any more. The store's expiry is a 32-bit time, which ends in February 2106,
and it keeps rows for 20 years at most; nanoseconds taken for microseconds lie after the year 50,000."""

COUNT_MAX = 2**48 - 1
"""Largest sequence number or revision: 89 years of 100,000 a second, and exact as a JSON number."""

SOURCE_CHARS_MAX = 200
"""Longest name of a source. Chosen: a service and an instance; ours have below 50 characters."""

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
"""Avro's int (specification 1.11); readers that take a long where an int is written would let a larger one pass."""

NEVER = frozenset({"starts_at_us", "ends_at_us", "since_time_us", "end_time_us"})
"""Times that are 0 where the thing has not happened."""

COUNTS = frozenset({"seq", "first_seq", "last_seq", "revision"})
EPOCHS = frozenset({"boot_epoch", "numbered_boot_epoch"})
"""Starts of producer epochs: they order the epochs of a source, and any number does that, but one after every time orders
nothing."""

UNITS = ((1_000, "nanoseconds"), (1 / 1_000, "milliseconds"), (1 / 1_000_000, "seconds"))
"""What a wrong unit multiplies microseconds by."""


@dataclass(frozen=True, slots=True)
class ValueRange:
    """first to last, both included; or 0 where `or_zero`."""

    first: int
    last: int
    or_zero: bool = False
    is_time: bool = False

    def complaint(self, name: str, value: int) -> str:
        """What is wrong with a value outside, for a dead letter."""
        expected = f"{self.first} to {self.last}{' or 0' if self.or_zero else ''}"
        if not self.is_time:
            return f"{name} is {value}; expected {expected}"
        said = f"{name} is {value}; expected microseconds of the years 2000 to 2085, {expected}"
        unit = next((unit for factor, unit in UNITS if self.first <= value / factor <= self.last), "")
        return f"{said}; the value looks like {unit}" if unit else said


TIME = ValueRange(TIME_MIN_US, TIME_END_US - 1, is_time=True)
TIME_OR_NEVER = ValueRange(TIME_MIN_US, TIME_END_US - 1, or_zero=True, is_time=True)
COUNT = ValueRange(0, COUNT_MAX)
EPOCH = ValueRange(0, TIME_END_US - 1)
INT = ValueRange(INT_MIN, INT_MAX)


def range_of(name: str, avro_type: str) -> ValueRange | None:
    """The range of an integer field; None where every value of its Avro type is good."""
    if avro_type == "int":
        return INT
    if name.endswith("_us"):
        return TIME_OR_NEVER if name in NEVER else TIME
    if name in EPOCHS:
        return EPOCH
    return COUNT if name in COUNTS else None
