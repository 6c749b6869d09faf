"""The published HTTP APIs that the demo asks: registry, lineage and the gateway's model list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx2

TIMEOUT_S = 10.0
"""Seconds a request may take. Arbitrary: any value from 5 to 60 would do; an answer takes well under a second."""


class ApiError(Exception):
    """An API answered with an error; the text holds its address, status and body."""


class Api:
    """JSON over HTTP against one service."""

    def __init__(self, base_url: str, headers: dict[str, str] | None = None) -> None:
        """base_url: scheme, host and port."""
        self._client = httpx2.Client(base_url=base_url, timeout=TIMEOUT_S, headers=headers or {}, trust_env=False)

    def get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """The JSON object at `path`. Raises ApiError for any status but 2xx."""
        return _json(self._client.get(path, params=parameters))

    def find(self, path: str, **parameters: str | int) -> dict[str, Any] | None:
        """The JSON object at `path`, or None when it is not there (404)."""
        answer = self._client.get(path, params=parameters)
        return None if answer.status_code == httpx2.codes.NOT_FOUND else _json(answer)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON object that `path` answers to `body`. Raises ApiError for any status but 2xx."""
        return _json(self._client.post(path, json=body))

    def text(self, path: str) -> str:
        """The body at `path` as text. Raises ApiError for any status but 2xx."""
        answer = self._client.get(path)
        if not answer.is_success:
            raise ApiError(f"GET {answer.request.url} answered {answer.status_code}: {answer.text}")
        return answer.text

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def apply(registry: Api, documents: Sequence[dict[str, Any]], author: str) -> list[dict[str, Any]]:
    """Apply definitions; what changed, one record a definition."""
    answer = registry.post("/v1/apply", {"documents": list(documents), "author": author, "dry_run": False})
    return list(answer["items"])


def rows(lineage: Api, query: str) -> list[dict[str, Any]]:
    """Rows of a read-only SQL query over the store, each a record by column name."""
    answer = lineage.post("/v1/sql", {"query": query})
    return [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]


def models(gateway: Api) -> list[str]:
    """Ids that the gateway serves now."""
    return [str(model["id"]) for model in gateway.get("/v1/models")["data"]]


def _json(answer: httpx2.Response) -> dict[str, Any]:
    if not answer.is_success:
        raise ApiError(f"{answer.request.method} {answer.request.url} answered {answer.status_code}: {answer.text}")
    found = answer.json()
    if not isinstance(found, dict):
        raise ApiError(f"{answer.request.url} answered {type(found).__name__}; expected a JSON object")
    return found
