"""Payloads of a spool: what every service that reads its records back asks of them.

Invariant: whatever a payload holds, it is a record or one InvalidEvent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from weir.events import InvalidEvent
from weir.events.ranges import COUNT_MAX, SOURCE_CHARS_MAX, TIME_END_US

T = TypeVar("T")


def record_in(payload: bytes, read: Callable[[bytes], T]) -> T:
    """What `read` makes of a payload whose checksum was right. Raises InvalidEvent("undecodable") where it raises anything."""
    try:
        return read(payload)
    except InvalidEvent:
        raise
    except Exception as error:  # noqa: BLE001  # a payload of another shape can raise anything, and all of it means the same
        said = f"{len(payload)} bytes of the spool are no record: {type(error).__name__}"
        raise InvalidEvent("undecodable", said) from None


def demand_numbers(source: object, boot_epoch: object, numbers: Iterable[object]) -> None:
    """Raises InvalidEvent unless the ledger can count a record with these numbers."""
    if not isinstance(source, str) or len(source) > SOURCE_CHARS_MAX:
        raise InvalidEvent("undecodable", f"a spool record has no source of at most {SOURCE_CHARS_MAX} characters")
    for number in numbers:
        if type(number) is not int or not 0 <= number <= COUNT_MAX:
            raise InvalidEvent("undecodable", f"a spool record's numbers are not all 0 to {COUNT_MAX}")
    if type(boot_epoch) is not int or not 0 <= boot_epoch < TIME_END_US:
        raise InvalidEvent("undecodable", f"a spool record's boot epoch is not 0 to {TIME_END_US - 1}")
