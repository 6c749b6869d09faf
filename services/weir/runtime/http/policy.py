"""What the HTTP boundary of a service lets in: hosts, the token, and the bounds of a connection.

Invariant: a service that listens beyond loopback has a token, or it does not start.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from weir.runtime.errors import BadSetting
from weir.runtime.loopback import is_loopback
from weir.runtime.settings import SharedSettings
from weir.runtime.tls.certificates import Certificates

TOKEN_CHARS_MIN = 16
"""Shortest token. Chosen: 16 random characters cannot be tried out over a network; the stack's own have 43."""

BODY_BYTES_MAX = 65_536
"""Largest body of a service that asks for no other, bytes. Arbitrary: any value from 1,024 to 1,048,576
would do; no route of such a service takes a body."""

HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]+")
"""A host as it is compared: lower case, without a port and without brackets."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection."""

    header_bytes_max: int = 32_768
    """Request line and headers, every byte of them, and trailers; of a head that came with the end of another request, up
    to twice as many. Chosen: twice what reverse proxies pass on."""
    connections_max: int = 512
    """Open connections; the next one is answered 503. Chosen: twice the calls that a gateway has in flight, half of the
    1,024 files that a process may usually open."""
    head_s: float = 10.0
    """Seconds for a whole head, and before its first byte (an empty line has none). Chosen: five times what a phone needs."""
    body_s: float = 10.0
    """Seconds in which a body must bring `body_pace_bytes` more, or end. Arbitrary: the pace is what counts; any span does that
    is longer than a pause of a phone's network (two or three) and shorter than a client's patience (30)."""
    body_pace_bytes: int = 65_536
    """Bytes that a body must bring in `body_s`. Chosen: about 50 kbit/s, a slow phone."""
    idle_s: float = 15.0
    """Seconds that a connection may wait for its next request. Chosen: longer than stock clients keep one (5 s), so that
    they are the ones who close it."""
    write_s: float = 60.0
    """Seconds in which a client must take what waits for it. Chosen: twice the gateway's own for streams."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The boundary of one service."""

    host: str = "127.0.0.1"
    """Address it listens on."""
    port: int = 0
    """Port; 0 picks a free one."""
    hosts: frozenset[str] = frozenset()
    """Names it is reached under beside loopback's own."""
    token: str = field(default="", repr=False)
    """What a bearer must carry; empty: routes that ask for it are closed."""
    body_bytes_max: int = BODY_BYTES_MAX
    """Largest body, bytes."""
    limits: Limits = Limits()
    key_header: bytes = b""
    """Another header, lower case, that may carry the bare token, for clients of a protocol that has one; empty: none."""
    certificates: Certificates | None = field(default=None, repr=False)
    """What clients are shown; None: it speaks no TLS."""
    body_types: frozenset[str] = frozenset()
    """Content types of bodies that are taken beside JSON. Only types that no HTML form can send."""
    encodings: frozenset[str] = frozenset()
    """Content encodings that the routes inflate themselves, within a bound; any other is refused."""
    is_any_body: bool = False
    """Whether a body may be of any type. Only where every route with a body asks for the token: no page can send it."""

    @property
    def is_local(self) -> bool:
        """Whether it listens on loopback alone."""
        return is_loopback(self.host)

    def serves(self, name: str) -> bool:
        """Whether a request for the host `name` (lower case, no port) is meant for this service.

        On a wildcard address every IP literal is: a rebound page always carries a name.
        """
        if name in self.hosts or name == self.host or is_loopback(name):
            return True
        return self.host in WILDCARDS and _is_address(name)

    def lets_in(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether a request carries the token, in one place. headers: names in lower case."""
        shown = {name: value for name, value in headers if name in (b"authorization", self.key_header)}
        if self.key_header in shown:
            return len(shown) == 1 and bool(self.token) and _is_same(shown[self.key_header], self.token)
        return self.admits(shown.get(b"authorization", b""))

    def admits(self, authorization: bytes) -> bool:
        """Whether an Authorization header carries the token: as a bearer's, or as the password of Basic, which is how
        stock schema registry clients send it.
        """
        if not self.token:
            return False
        scheme, _, value = authorization.partition(b" ")
        if scheme.lower() == b"basic":
            value = _password(value)
        elif scheme.lower() != b"bearer":
            return False
        return _is_same(value, self.token)


def _is_same(given: bytes, token: str) -> bool:
    return hmac.compare_digest(given.strip(), token.encode())


WILDCARDS = ("", "0.0.0.0", "::")
"""Addresses that stand for every address of the machine."""


def require_strong(token: str) -> None:
    """Raises BadSetting for a token that could be guessed, or that no header can carry."""
    if len(token) < TOKEN_CHARS_MIN or not token.isascii() or not token.isprintable() or " " in token:
        raise BadSetting(
            f"the HTTP token has {len(token)} characters; expected at least {TOKEN_CHARS_MIN}, printable ASCII without"
            " spaces: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )


def policy_of(settings: SharedSettings, body_bytes_max: int = BODY_BYTES_MAX, *, has_own_keys: bool = False) -> Policy:
    """The policy that the settings ask for. has_own_keys: callers show keys of another kind (the gateway).

    Raises BadSetting for a weak token, a bad host name, or a service beyond loopback without a token.
    """
    token = settings.http_token_text()
    if token:
        require_strong(token)
    if not token and not has_own_keys and not is_loopback(settings.http_host):
        raise BadSetting(
            f"WEIR_HTTP_HOST is {settings.http_host!r} and there is no token: anyone could read and write;"
            " set WEIR_HTTP_TOKEN_FILE to a file with a long random text, or bind to 127.0.0.1"
        )
    return Policy(
        host=settings.http_host.lower(),
        port=settings.http_port,
        hosts=frozenset(_host_name(name) for name in settings.http_hosts.split(",") if name.strip()),
        token=token,
        body_bytes_max=body_bytes_max,
        limits=Limits(header_bytes_max=settings.http_header_bytes_max, connections_max=settings.http_connections_max),
    )


def _host_name(text: str) -> str:
    name = text.strip().lower().removeprefix("[").removesuffix("]")
    if not HOST_NAME.fullmatch(name):
        raise BadSetting(f"WEIR_HTTP_HOSTS names {text.strip()!r}; expected host names without port or *: a.example,b")
    return name


def _password(value: bytes) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
