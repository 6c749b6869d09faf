"""Metadata pause: an aiokafka client that could not learn the cluster's metadata waits a moment before it asks again.

aiokafka 0.14's sender asks anew at once while a partition has no leader, which a broker says of all of them as it shuts
down. Until it is back every attempt fails within a millisecond, so the sender turns at the speed of a refused connection:
220 to 540 attempts a second and half a core were measured in one producer while a broker was restarted. Its comment says
"wait backoff time"; nothing does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.client import AIOKafkaClient

PAUSE_S = 0.1
"""Seconds after an update that failed: what Kafka's own clients wait (`retry.backoff.ms`)."""


def pause_after_failure(client: AIOKafkaClient, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Let every failed metadata update of `client` last `PAUSE_S` longer; call it before the client starts.

    The library has no setting and no hook for it, so one method of this one object is replaced. Raises AttributeError
    where an upgrade has renamed that method: then see whether the library waits by itself.
    """
    update: Callable[..., Awaitable[bool]] = client._metadata_update

    async def paced(*arguments: Any) -> bool:
        updated = await update(*arguments)
        if not updated:
            await sleep(PAUSE_S)
        return updated

    client._metadata_update = paced
