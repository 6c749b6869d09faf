"""Address: where a webhook may be sent, so that a rule cannot make this service call into the private network.

Checked on the URL, and again on every address its name resolves to at each try; the connection goes to the checked
address. A receiver the operator marked `allow_private` may be anywhere and may speak plain HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

CLOSED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
        "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
"""Networks that no public receiver is in: private, loopback, link-local, carrier-grade, translated, tunnelled,
documentation, multicast and reserved. Specified by the IANA special-purpose registries."""


class ForbiddenAddress(Exception):
    """A webhook may not be sent there; the text says why and what the operator can do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL in its parts. path: with its query, at least a slash."""

    scheme: str
    host: str
    port: int
    path: str


def target_of(url: str, *, allow_private: bool) -> Target:
    """The parts of a receiver's URL. Raises ForbiddenAddress for one that may not be called whatever it resolves to."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ForbiddenAddress(f"receiver URL cannot be read: {error}") from error
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise ForbiddenAddress(f"receiver URL has scheme {parts.scheme!r}; expected https (http with allow_private)")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise ForbiddenAddress("receiver URL must name a host and carry no user or password")
    if port == 0:
        raise ForbiddenAddress("receiver URL has port 0; expected 1 to 65535, or none for the scheme's own")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), path)


def checked_address(addresses: Sequence[str], *, allow_private: bool) -> str:
    """The address to connect to. Raises ForbiddenAddress when there is none, or when any one is closed."""
    if not addresses:
        raise ForbiddenAddress("receiver's name has no address")
    if not allow_private:
        for text in addresses:
            if not is_public(text):
                raise ForbiddenAddress(
                    f"receiver's name resolves to {text}, which is not a public address; "
                    "set allow_private: true for this receiver if that is meant"
                )
    return addresses[0]


def is_public(text: str) -> bool:
    """Whether an address is one that anyone on the internet may be asked to call."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return is_public(str(address.ipv4_mapped))
    return address.is_global and not _is_closed(address)


def _is_closed(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in CLOSED if network.version == address.version)
