"""Readiness: whether a process of this stack can do its work, and not another process that answers on its port.

Invariant: an answer counts only when it comes from this start of this stack: a service repeats the stack's instance in
`/readyz`; Kafka and Triton cannot, so their port must be one that their own process, or a child of it, listens on.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import httpx2
import psutil

from weir.cli.stack.processes import Process

ASK_S = 2.0
"""Seconds a readiness page may take; it does no work."""

REASONS_CHARS_MAX = 300
"""Characters of a service's own reasons that are repeated; the page has the rest."""


def missing(process: Process, instance: str, pid: int) -> str:
    """Why a process is not ready; empty when it is. pid: its process id; 0 when it does not run."""
    if not pid:
        return "does not run"
    if process.is_service:
        return _of_service(process.ready_url, instance)
    port = process.ready_port or int(urlsplit(process.ready_url).port or 0)
    if port not in listened_ports(pid):
        return f"does not listen on port {port} yet"
    return _of_page(process.ready_url) if process.ready_url else ""


def listened_ports(pid: int) -> set[int]:
    """TCP ports that a process or a child of it listens on; empty for one that is gone."""
    try:
        root = psutil.Process(pid)
        return {port for member in (root, *root.children(recursive=True)) for port in _ports(member)}
    except psutil.Error:
        return set()


def ask(url: str) -> httpx2.Response:
    """The answer of a loopback page, never through a proxy. Raises httpx2.HTTPError."""
    return httpx2.get(url, timeout=ASK_S, trust_env=False)


def _ports(process: psutil.Process) -> Iterable[int]:
    connections = process.net_connections(kind="tcp")
    return [one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN]


def _of_page(url: str) -> str:
    try:
        status = ask(url).status_code
    except httpx2.HTTPError as error:
        return f"{url} does not answer: {error!r}"
    return "" if status == 200 else f"{url} answers {status}"


def _of_service(url: str, instance: str) -> str:
    try:
        answer = ask(url)
        page = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        return f"{url} does not answer as a service does: {error!r}"
    if not isinstance(page, dict) or page.get("stack") != instance:
        return f"{url} is answered by another stack or program; its port is taken"
    if answer.status_code == 200:
        return ""
    return f"says that it lacks {page.get('missing')}"[:REASONS_CHARS_MAX]
