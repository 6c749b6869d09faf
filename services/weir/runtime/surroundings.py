"""Surroundings: what a process takes from the machine it runs on, made the same everywhere.

Invariant: local time zones and proxy settings of the machine change nothing. Every process of Weir lives in UTC, and no
request to loopback ever goes through a proxy. Services use no proxy at all: all they call is inside the operator's own
network, and webhooks go to checked addresses. The command line keeps the proxies for services that are elsewhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from weir.runtime.loopback import uses_proxy

UMASK = 0o077
"""What a file or folder of a service or of the embedded stack does not let others do, whoever makes it: it may hold prompts and
answers."""

PROXY_VARIABLES = frozenset(
    {"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "ws_proxy", "wss_proxy", "grpc_proxy"}
)
"""Variables, in either case, by which HTTP libraries, gRPC and database clients choose a proxy."""

STACK_INSTANCE = "WEIR_STACK_INSTANCE"
"""Variable by which a supervisor names one start of its stack; /readyz repeats it, so that nobody takes the answer of
another stack on the same port for this one's. Null where it is not set."""

SPARED = ("127.0.0.1", "localhost", "::1")
"""Names of loopback that `NO_PROXY` must hold: libraries compare names and do not know that 127.0.0.1 is loopback."""


def of_service(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service: without proxies, in UTC."""
    kept = {name: value for name, value in environment.items() if name.lower() not in PROXY_VARIABLES}
    return {**kept, "TZ": "UTC"}


def of_command_line(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the command line: in UTC; its proxies kept only where a service is elsewhere, and sparing loopback."""
    if not any(_is_url_elsewhere(name, value) for name, value in environment.items()):
        return of_service(environment)
    given = [name.strip() for key in ("NO_PROXY", "no_proxy") for name in environment.get(key, "").split(",")]
    spared = ",".join(dict.fromkeys([*filter(None, given), *SPARED]))
    return {**environment, "TZ": "UTC", "NO_PROXY": spared, "no_proxy": spared}


def _is_url_elsewhere(name: str, value: str) -> bool:
    """Whether a variable says that a service (WEIR_<SERVICE>_URL) is not on this machine."""
    if not (name.startswith("WEIR_") and name.endswith("_URL")):
        return False
    try:
        return uses_proxy(value)
    except ValueError:
        return False  # no URL; whoever asks it says so


def adopt(environment: Mapping[str, str]) -> None:
    """Make an environment this process's own. Call it before any library reads the old one."""
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    time.tzset()


def proxies_in(environment: Mapping[str, str]) -> list[str]:
    """Names of the proxy variables that are set, by which other programs on this machine would miss loopback."""
    return sorted(name for name, value in environment.items() if name.lower() in PROXY_VARIABLES and value)


def spares_loopback(environment: Mapping[str, str]) -> bool:
    """Whether programs that obey `NO_PROXY` reach 127.0.0.1 directly."""
    value = environment.get("no_proxy", environment.get("NO_PROXY", ""))
    return bool({"*", "127.0.0.1"} & {name.strip() for name in value.split(",")})
