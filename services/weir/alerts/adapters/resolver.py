"""Resolver: the addresses of a host, from the system."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence


async def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses in the system's order of preference. Raises OSError when the name cannot be resolved."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
