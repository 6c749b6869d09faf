"""Asking the services: where they are, with which token, and what their errors mean for the exit code.

The token is WEIR_<SERVICE>_TOKEN, WEIR_HTTP_TOKEN, or what is in the file WEIR_HTTP_TOKEN_FILE; without them that of
the running stack, which is sent to the stack's own addresses alone. The gateway is asked with its API keys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weir.cli.output import CliError, ExitCode
from weir.runtime.loopback import uses_proxy

TIMEOUT_S = 30.0
"""Seconds an answer may take: three times what a query may run in the store (10 s)."""

OWN_KEYS = frozenset({"gateway", "otlp"})
"""Services whose routes ask for API keys: the token that opens those of the others opens their metrics alone."""

UNAUTHORIZED = 401
"""HTTP status: no token, or not the one of this service."""

BY_STATUS = {
    400: ExitCode.INVALID,
    UNAUTHORIZED: ExitCode.DENIED,
    403: ExitCode.DENIED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.INVALID,
    413: ExitCode.INVALID,
    415: ExitCode.INVALID,
    422: ExitCode.INVALID,
    503: ExitCode.NOT_READY,
    504: ExitCode.TIMEOUT,
}


def base_url(service: str) -> str:
    """Where a service is: WEIR_<SERVICE>_URL, else what the running stack wrote down.

    Raises CliError(NOT_READY) when neither says.
    """
    given = os.environ.get(f"WEIR_{service.upper()}_URL")
    if given:
        return given.rstrip("/")
    from weir.cli.stack import StackError

    try:
        return _stack_url(service)
    except StackError as error:
        raise CliError(ExitCode.NOT_READY, str(error), f"weir up, or set WEIR_{service.upper()}_URL") from error


def is_known(service: str) -> bool:
    """Whether anybody says where a service is; one that is younger than the running stack has no address there."""
    try:
        return bool(base_url(service))
    except CliError:
        return False


def token(service: str) -> str:
    """The token for a service; empty where nobody says one. Raises CliError(DENIED) for a file that cannot be read."""
    for name in (f"WEIR_{service.upper()}_TOKEN", "WEIR_HTTP_TOKEN"):
        if os.environ.get(name):
            return os.environ[name]
    path = os.environ.get("WEIR_HTTP_TOKEN_FILE") or _stack_token_file(service)
    try:
        return Path(path).read_text().strip() if path else ""
    except OSError as error:
        raise CliError(ExitCode.DENIED, f"the token cannot be read: {error}", "set WEIR_HTTP_TOKEN_FILE") from error


def _stack_url(service: str) -> str:
    from weir.cli.stack import open_stack

    endpoints = open_stack().endpoints
    return str(endpoints.gateway_http if service == "gateway" else getattr(endpoints, f"{service}_url"))


def _stack_token_file(service: str) -> str:
    """The running stack's token file, when it is the stack that is asked."""
    from weir.cli.stack import StackError, open_stack

    try:
        is_asked = base_url(service) == _stack_url(service)
        return open_stack().endpoints.environment.get("WEIR_HTTP_TOKEN_FILE", "") if is_asked else ""
    except StackError:
        return ""


def get(service: str, path: str, **parameters: object) -> Any:
    """JSON of a page. Raises CliError."""
    return _ask_json(
        service, "GET", path, params={name: value for name, value in parameters.items() if value not in ("", None)}
    )


def send(service: str, method: str, path: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
    """JSON answer to a request with a JSON body. Raises CliError."""
    return _ask_json(service, method, path, json=body, headers=dict(headers or {}))


def sql(query: str) -> dict[str, Any]:
    """What lineage answers to a statement: columns, rows, and whether rows were cut off. Raises CliError."""
    answer: dict[str, Any] = send("lineage", "POST", "/v1/sql", {"query": query})
    return answer


def metrics(service: str) -> dict[str, float]:
    """A service's metrics without labels, by name. Beyond loopback they ask for the token. Raises CliError."""
    bearer = token(service)
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    lines = _ask(service, "GET", "/metrics", headers=headers).text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#") and "{" not in line)
    return {name: float(value) for name, value in pairs}


def _ask_json(service: str, method: str, path: str, **options: Any) -> Any:
    return _ask(service, method, path, **options).json()


def _ask(service: str, method: str, path: str, **options: Any) -> Any:
    import httpx2

    url = base_url(service) + path
    bearer = "" if service in OWN_KEYS else token(service)
    headers = {**({"authorization": f"Bearer {bearer}"} if bearer else {}), **options.pop("headers", {})}
    try:
        answer = httpx2.request(method, url, timeout=TIMEOUT_S, headers=headers, trust_env=uses_proxy(url), **options)
    except httpx2.TimeoutException as error:
        raise CliError(
            ExitCode.TIMEOUT, f"{service} did not answer within {TIMEOUT_S:.0f} s", f"weir logs {service}"
        ) from error
    except (httpx2.InvalidURL, ValueError) as error:
        hint = f"set WEIR_{service.upper()}_URL to http://host:port"
        raise CliError(ExitCode.INVALID, f"{url!r} is no URL of {service}: {error}", hint) from error
    except httpx2.HTTPError as error:
        raise CliError(ExitCode.NOT_READY, f"{service} cannot be reached at {url}: {error}", "weir status") from error
    if answer.is_success:
        return answer
    raise _error(service, answer, base_url(service))


def _error(service: str, answer: Any, url: str) -> CliError:
    try:
        page = answer.json()
    except ValueError:
        page = {}
    code = BY_STATUS.get(answer.status_code, ExitCode.UNEXPECTED)
    # The gateway answers as OpenAI does: {"error": {"message": ...}}.
    said = page.get("error")
    message = page.get("detail") or (said.get("message") if isinstance(said, dict) else "")
    message = message or f"{service} answered {answer.status_code}"
    hint = page.get("hint", "")
    if answer.status_code == UNAUTHORIZED and service not in OWN_KEYS:
        hint = f"set WEIR_HTTP_TOKEN to the token of the stack at {url}, or WEIR_HOME to its home: is it another one?"
    return CliError(code, str(message), str(hint), page.get("errors") or ())
