"""Queue: what groups need to know of the deliveries before they tell something."""

from __future__ import annotations

from collections.abc import Collection

from weir.alerts.adapters import deliveries
from weir.alerts.adapters.database import Database


class DeliveryQueue:
    """The deliveries of a database, and which receivers there are."""

    def __init__(self, database: Database, receivers: Collection[str], waiting_max: int) -> None:
        """receivers: names of those that are known. waiting_max: deliveries that may wait for one."""
        self._database = database
        self._receivers = receivers
        self._waiting_max = waiting_max

    def refusal(self, receiver: str) -> str:
        """Why nothing can be sent to a receiver; empty when it can."""
        if receiver not in self._receivers:
            return f"receiver {receiver!r} is not in WEIR_ALERTS_RECEIVERS_FILE; add it and restart, what fires is told then"
        if receiver in deliveries.switched_off(self._database.connection):
            return "the receiver is switched off; enable it, what fires is told then"
        return ""

    def is_full(self, receiver: str) -> bool:
        """Whether as many deliveries wait for a receiver as may."""
        return deliveries.waiting_count(self._database.connection, receiver) >= self._waiting_max

    def is_waiting(self, receiver: str, group_key: str) -> bool:
        """Whether a delivery of a group waits for a receiver."""
        return deliveries.is_waiting(self._database.connection, receiver, group_key)
