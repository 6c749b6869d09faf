"""`weir sql --grants`: the statements of a tenant's user, for the administrator of the ClickHouse server to read and run."""

from __future__ import annotations

import hashlib
import os
import secrets
from urllib.parse import urlsplit

from weir.cli.output import CliError, ExitCode, emit_text, say
from weir.lineage.read.core.sql_grants import GrantRefused, Server, grants, user_of
from weir.lineage.read.core.sql_settings import Bounds

BOUNDS = Bounds(rows_max=10_000, bytes_max=8_388_608, memory_bytes_max=268_435_456, seconds_max=10)
"""Bounds of a tenant's statement: those that lineage has unless it is set otherwise."""

ADDRESS = "WEIR_LINEAGE_CLICKHOUSE_URL"
"""Variable with the server's address, its database and the user of lineage."""

PASSWORD_BYTES = 24
"""Random bytes of a password. Chosen: 192 bits cannot be tried out, and 32 characters can be copied."""


def show_grants(tenant: str) -> None:
    """Print the statements; the password, made anew and kept nowhere, goes to standard error."""
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    server = _server()
    try:
        statements = list(grants(tenant, hashlib.sha256(password.encode()).hexdigest(), server, BOUNDS))
    except GrantRefused as refused:
        raise CliError(ExitCode.INVALID, str(refused), "weir sql --grants acme") from refused
    emit_text("\n".join(f"{statement};" for statement in statements))
    say(f"password of {user_of(tenant)}, shown once: {password}")


def _server() -> Server:
    """The database and the user of lineage, read as lineage reads them. Raises CliError where they are not said."""
    try:
        place = urlsplit(os.environ.get(ADDRESS, ""))
    except ValueError:
        place = urlsplit("")
    if not place.hostname:
        raise CliError(
            ExitCode.INVALID,
            f"{ADDRESS} is empty, or no URL: the statements name the database and the user of lineage, which stand in it",
            f"set {ADDRESS} as lineage has it, http://USER@HOST:8123/DATABASE; its password is not needed",
        )
    return Server(place.path.strip("/") or "default", place.username or "default")
