"""Ports: what the deliverer needs from the network, and what groups need to know of the deliveries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a host, in order of preference. Raises OSError when the name cannot be resolved."""


class Queue(Protocol):
    """What is known of the deliveries."""

    def refusal(self, receiver: str) -> str:
        """Why nothing can be sent to a receiver; empty when it can."""

    def is_full(self, receiver: str) -> bool:
        """Whether as many deliveries wait for a receiver as may."""

    def is_waiting(self, receiver: str, group_key: str) -> bool:
        """Whether a delivery of a group waits for a receiver."""
