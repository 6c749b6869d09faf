"""Halting: a consumer whose limit of dead letters tripped stays stopped, not ready, until a person starts it again.

To end the process would not do: the supervisor starts it again with its count at zero, and a bad deploy drains the
topic into the dead letters after all, a limit's worth at every start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from weir.runtime.errors import TooManyRejects
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import HALTED

_reasons: dict[str, str] = {}


async def run_or_halt(group: str, work: Awaitable[None], stop: asyncio.Event) -> None:
    """Do the work of a consumer; when its limit of dead letters trips, stand still until `stop` is set."""
    try:
        await work
    except TooManyRejects as error:
        record_halt(group, error)
        await stop.wait()
        clear_halt(group)


def record_halt(group: str, error: TooManyRejects) -> None:
    """Say that the consumer of a group stopped; the caller then waits for the stop of its process."""
    HALTED.labels(group).set(1)
    _reasons[f"consumer {group}"] = str(error)
    logger().error("consumer_halted", group=group, error=str(error), hint="fix the deploy, then start it again")


def clear_halt(group: str) -> None:
    """The stopped consumer is gone, and its reason with it."""
    _reasons.pop(f"consumer {group}", None)


def reasons() -> dict[str, str]:
    """Why consumers of this process stopped, by consumer; every readiness page shows it."""
    return _reasons
