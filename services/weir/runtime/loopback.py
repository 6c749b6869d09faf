"""Whether an address is this machine itself. A name counts only when it is `localhost`: others are looked up elsewhere."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address without a port, is this machine's own loopback."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def uses_proxy(url: str) -> bool:
    """Whether a client may take a proxy of the environment to `url`: never to loopback, which a proxy cannot reach."""
    return not is_loopback(urlsplit(url).hostname or "")
