"""The file of OpenAI servers: read when it is needed, read again when it or a key changes, at most once in LOOK_EVERY_S.

Invariant: a server that was taken out of the file is asked nothing more within LOOK_EVERY_S. While the file cannot be used,
none is: it says where keys go, so what it said before is not believed. The reason is in the refusal, the keys never are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weir.access.refusals import Refusal
from weir.assets.strict_json import read_json
from weir.gateway.adapters.authorities import certificates_in
from weir.gateway.core.openai_servers import OpenAIServer, servers_from
from weir.runtime.clock import monotonic_s
from weir.runtime.files.regular import read_regular
from weir.runtime.telemetry.logs import logger

LOOK_EVERY_S = 1.0
"""Seconds between looks at the files, as for the keys of callers."""

FILE_BYTES_MAX = 262_144
"""Largest file: SERVERS_MAX servers of 2.6 KB."""

KEY_BYTES_MAX = 16_384
"""Largest file of a key. Chosen: longer than any token that a provider issues, and what servers take of headers."""


@dataclass(frozen=True, slots=True)
class KnownServer:
    """A server and what its files hold."""

    server: OpenAIServer
    api_key: str = field(repr=False)
    """Empty for none."""
    ca: str | None
    """Certificates, PEM, which OpenSSL reads; None for the system's authorities."""


class ServersFile:
    """The servers of this gateway."""

    def __init__(self, path: Path | None) -> None:
        """path: None for no servers at all. A file that is not there yet is no server until it is."""
        self._path = path
        self._known: Mapping[str, KnownServer | str] = {}
        self._problem = ""
        self._next_look_s = 0.0

    def find(self, base_url: str) -> KnownServer:
        """The server of a base URL. Raises Refusal("upstream_unavailable") saying what its operator must do."""
        if self._path is None:
            raise _unknown(f"{base_url} is not asked: WEIR_GATEWAY_OPENAI_SERVERS_FILE names no file of servers")
        if monotonic_s() >= self._next_look_s:
            self._next_look_s = monotonic_s() + LOOK_EVERY_S
            self._look(self._path)
        found = self._known.get(
            base_url, self._problem or "its file of servers does not list it; add it there, exactly so"
        )
        if isinstance(found, str):
            raise _unknown(f"{base_url} is not asked by this gateway: {found}")
        return found

    def _look(self, path: Path) -> None:
        before = self._problem
        try:
            servers = servers_from(read_json(read_regular(path, FILE_BYTES_MAX)))
        except (OSError, ValueError) as error:
            self._known, self._problem = {}, f"its file of servers cannot be used: {_reason(error)}"
        else:
            self._known, self._problem = {name: _known(one, path.parent) for name, one in servers.items()}, ""
        if self._problem and self._problem != before:
            logger().error("openai_servers_unusable", path=str(path), error=self._problem)


def problems_in(path: Path) -> list[str]:
    """What is wrong with a file of servers, for a person; none for one that can be used whole."""
    try:
        servers = servers_from(read_json(read_regular(path, FILE_BYTES_MAX)))
    except (OSError, ValueError) as error:
        return [_reason(error)]
    known = {name: _known(one, path.parent) for name, one in servers.items()}
    return [f"{name}: {one}" for name, one in known.items() if isinstance(one, str)]


def _known(server: OpenAIServer, folder: Path) -> KnownServer | str:
    """The server, or why it cannot be asked: what is wrong with one takes no other away."""
    try:
        return KnownServer(server, _key(server, folder), _ca(server, folder))
    except (OSError, ValueError) as error:
        return _reason(error)


def _key(server: OpenAIServer, folder: Path) -> str:
    """The key of a server. Raises OSError or ValueError for one that is named and not there, never repeating it."""
    if server.api_key_variable is not None:
        key, where = os.environ.get(server.api_key_variable, ""), f"the variable {server.api_key_variable}"
    elif server.api_key_file is not None:
        where = f"the file {server.api_key_file}"
        key = read_regular(folder / server.api_key_file, KEY_BYTES_MAX).decode("latin-1").strip()
    else:
        return ""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"{where} holds no key for {server.base_url}; expected one line of printable ASCII")
    return key


def _ca(server: OpenAIServer, folder: Path) -> str | None:
    """The authorities of a server. Raises OSError or ValueError for a file of which none can be read."""
    if server.ca_file is None:
        return None
    try:
        return certificates_in(read_regular(folder / server.ca_file, FILE_BYTES_MAX))
    except ValueError as error:
        raise ValueError(f"the file {server.ca_file} is no ca_file for {server.base_url}: {error}") from error


def _reason(error: Exception) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)


def _unknown(text: str) -> Refusal:
    return Refusal("upstream_unavailable", text)
