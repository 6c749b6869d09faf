"""Asking an application through its HTTP boundary, without a socket."""

from __future__ import annotations

import httpx2

from weir.runtime.http.boundary import Boundary

TOKEN = "the-token-of-a-test"
"""What a listener under test asks for."""


def boundary_client(boundary: Boundary, **headers: str) -> httpx2.AsyncClient:
    """A client of loopback that shows the token. headers: more, or others."""
    given = {"authorization": f"Bearer {TOKEN}", **headers}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=boundary), base_url="http://127.0.0.1", headers=given)
