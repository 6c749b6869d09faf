"""Ports: what the deliverer needs from the network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a host, in order of preference. Raises OSError when the name cannot be resolved."""
