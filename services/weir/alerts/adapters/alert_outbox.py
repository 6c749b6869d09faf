"""The outbox of alert events in the database of alerts: what was acknowledged is dropped."""

from __future__ import annotations

from collections.abc import Sequence

from weir.alerts.adapters import state_store
from weir.alerts.adapters.database import Database
from weir.alerts.adapters.metrics import OUTBOX_WAITING
from weir.events import AlertChanged
from weir.runtime.kafka.relay import Unsent

RELAY_PAUSE_S = 1.0
"""Seconds between looks that nobody asked for, and after a refusal. Arbitrary: any value from 0.2 to 5 would do; a change is
announced at once anyway."""


class AlertOutbox:
    """Used from the event loop's thread, as its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first(self, events_max: int) -> Sequence[Unsent[AlertChanged]]:
        """The first events that Kafka has not acknowledged, in order."""
        OUTBOX_WAITING.set(state_store.waiting_count(self._database.connection))
        return state_store.waiting_events(self._database.connection, events_max)

    async def settle(self, positions: Sequence[int]) -> None:
        """Drop the events up to the last of these."""
        with self._database.transaction() as connection:
            state_store.drop_sent(connection, positions[-1])
