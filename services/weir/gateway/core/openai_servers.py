"""The OpenAI servers that this gateway may ask, as its operator's file says: where they are, and what it needs to ask them.

Invariant: a registered model names a base URL alone; a server that is not in the file is asked nothing, and a key goes to the
base URL beside which it stands and to no other place. A key travels over TLS, or does not leave the machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from weir.assets.checks import Name, Text, list_of, number
from weir.assets.endpoint import base_url
from weir.assets.shapes import LEFT_OUT, InvalidAsset, check_of, shaped

SERVERS_MAX = 100
"""Servers in the file. Chosen: each has a pool of connections; an installation has a handful."""

CONNECTIONS_MAX = 10_000
"""Bound of connections_max that only refuses nonsense: a third of the ports of one address."""

SECONDS_MAX = 86_400
"""Bound of waits that only refuses nonsense: a day."""

ATTEMPTS_MAX = 10
"""Bound of attempts_max. Chosen: a server that refused ten connections in a row is down."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Hosts to which a key may go without TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIServer:
    """One server. The key comes from a file (its path beside this file's folder) or from a variable of the gateway's process."""

    base_url: Annotated[str, base_url]
    """Of its API; exactly as the endpoints of models name it."""
    api_key_file: Text | None = None
    api_key_variable: Name | None = None
    ca_file: Text | None = None
    """Authorities that its certificate comes from, PEM; the system's when None. Certificates are always checked."""
    connections_max: Annotated[int, number(1, CONNECTIONS_MAX, whole=True)] = field(default=64, metadata=LEFT_OUT)
    """Calls at once; one more is refused. Chosen: a quarter of the calls in flight, so that one slow server leaves room."""
    connect_s: Annotated[float, number(0.01, SECONDS_MAX)] = field(default=5.0, metadata=LEFT_OUT)
    """Seconds for a connection, TLS included. Chosen: ten round trips around the world."""
    silence_s: Annotated[float, number(0.01, SECONDS_MAX)] = field(default=60.0, metadata=LEFT_OUT)
    """Longest silence, seconds, before the answer and between its parts. Chosen: a long prompt is read in less."""
    attempts_max: Annotated[int, number(1, ATTEMPTS_MAX, whole=True)] = field(default=2, metadata=LEFT_OUT)
    """Attempts of a call that no byte of an answer came for, because the connection failed. Chosen: one more, for a
    kept connection that the server closed just then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServersFile:
    """The file."""

    servers: Annotated[tuple[OpenAIServer, ...], list_of(check_of(OpenAIServer))]


def servers_from(document: object) -> Mapping[str, OpenAIServer]:
    """The servers by base URL. Raises ValueError saying all that is wrong."""
    found = shaped(ServersFile, document, "file").servers
    problems = list[tuple[str, str]]()
    if len(found) > SERVERS_MAX:
        problems.append(("file.servers", f"has {len(found)} servers; expected {SERVERS_MAX} at most"))
    for index, one in enumerate(found):
        problems += [(f"file.servers[{index}]", problem) for problem in _problems(one, found[:index])]
    if problems:
        raise InvalidAsset(problems)
    return {one.base_url: one for one in found}


def _problems(one: OpenAIServer, before: tuple[OpenAIServer, ...]) -> list[str]:
    found, parts = list[str](), urlsplit(one.base_url)
    if one.base_url in [other.base_url for other in before]:
        found.append(f"repeats {one.base_url}; each base_url stands once")
    if one.api_key_file is not None and one.api_key_variable is not None:
        found.append("has api_key_file and api_key_variable; keep one")
    has_key = one.api_key_file is not None or one.api_key_variable is not None
    if has_key and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        found.append(f"would send its key to {parts.hostname} without TLS; use https, or leave the key out")
    if one.ca_file is not None and parts.scheme == "http":
        found.append("has a ca_file and an http URL, which shows no certificate; leave the file out, or use https")
    return found
