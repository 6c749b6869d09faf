"""Connecting: a client that is started again and again until a broker answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from aiokafka.errors import KafkaError

from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import wait_or_stop

RECONNECT_S = 1.0
"""Seconds between tries to reach a broker that is down. Arbitrary; any value from 0.2 to 5 would do."""


class Client(Protocol):
    """A connection to a broker, or what stands on one."""

    async def start(self) -> Any:
        """Connect. Raises KafkaError while no broker answers."""

    async def stop(self) -> Any:
        """Close, whether it was connected or not."""


AnyClient = TypeVar("AnyClient", bound=Client)


async def connect(make: Callable[[], AnyClient], stop: asyncio.Event, **whose: str) -> AnyClient | None:
    """A started client; None when a stop came before a broker answered. whose: said in the log."""
    while not stop.is_set():
        client = make()
        try:
            await client.start()
        except KafkaError as error:
            await client.stop()
            logger().warning("broker_unreachable", error=repr(error), **whose)
            await wait_or_stop(stop, RECONNECT_S)
        else:
            return client
    return None
