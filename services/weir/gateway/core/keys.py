"""API keys: who calls, for which tenant, with which scopes. Default deny.

A key is `weir_<8 hex digits>_<43 url-safe characters>`; only its SHA-256 is stored, found by the prefix. The secret has
256 random bits, so a fast hash is enough.
"""

from __future__ import annotations

import fnmatch
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir.gateway.core.caller_limits import NO_LIMITS, CallerLimits, parse_limits
from weir.gateway.core.errors import Refusal

KEY = re.compile(r"weir_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
SCOPES = ("infer", "embed", "models", "feedback", "admin")
ANONYMOUS_SCOPES = frozenset({"infer", "models"})
"""What a loopback caller without a key may do where an anonymous tenant is set: ask, and see what can be asked."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One stored key."""

    id: str
    prefix: str
    sha256: str
    tenant: str
    scopes: frozenset[str]
    routes: tuple[str, ...] = ("*",)
    expires_us: int | None = None
    limits: CallerLimits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the tenant of every event of the call, and what it may do."""

    tenant: str
    key_id: str
    scopes: frozenset[str]
    routes: tuple[str, ...]
    limits: CallerLimits = NO_LIMITS
    """What the keys file says of this key."""

    def demand(self, scope: str) -> None:
        """Raises Refusal naming the scope when the caller lacks it; admin has every scope."""
        if scope not in self.scopes and "admin" not in self.scopes:
            have = ", ".join(sorted(self.scopes)) or "none"
            raise Refusal("permission_denied", f"key {self.key_id} has the scopes {have}; this call needs {scope}")

    def demand_route(self, route: str) -> None:
        """Raises Refusal when the key is not for this route."""
        if not any(fnmatch.fnmatchcase(route, pattern) for pattern in self.routes):
            raise Refusal(
                "permission_denied",
                f"key {self.key_id} is not for route {route!r}; its routes: {', '.join(self.routes)}",
            )


def parse_keys(document: object) -> dict[str, ApiKey]:
    """Keys of a keys file by prefix. Raises ValueError naming what is wrong and where."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError('a keys file is {"keys": [...]}; make keys with `weir keys create`')
    keys = [_parse_key(item, index) for index, item in enumerate(document["keys"])]
    return {key.prefix: key for key in keys}


def caller_of(authorization: str, keys: Mapping[str, ApiKey], now_us: int, *, anonymous_tenant: str = "") -> Caller:
    """The caller an `authorization` header names.

    anonymous_tenant: tenant of a caller without a header; pass it only for loopback peers of a stack that allows it.
    Raises Refusal("unauthenticated") for a missing, malformed, unknown or expired key.
    """
    if not authorization.strip():
        if anonymous_tenant:
            return Caller(anonymous_tenant, "anonymous", ANONYMOUS_SCOPES, ("*",))
        raise Refusal(
            "unauthenticated", "no API key; send 'authorization: Bearer weir_...' (make one: weir keys create)"
        )
    text = authorization.strip().removeprefix("Bearer ").removeprefix("bearer ").strip()
    match = KEY.fullmatch(text)
    if match is None:
        raise Refusal(
            "unauthenticated", "the API key has not the form weir_<prefix>_<secret>; make one: weir keys create"
        )
    key = keys.get(match[1])
    given = hashlib.sha256(text.encode()).hexdigest()
    if key is None or not hmac.compare_digest(given, key.sha256):
        raise Refusal("unauthenticated", f"API key weir_{match[1]}_... is not known here; make one: weir keys create")
    if key.expires_us is not None and key.expires_us <= now_us:
        raise Refusal("unauthenticated", f"API key {key.id} has expired; make a new one: weir keys create")
    return Caller(key.tenant, key.id, key.scopes, key.routes, key.limits)


def _parse_key(item: object, index: int) -> ApiKey:
    if not isinstance(item, dict):
        raise ValueError(f"keys[{index}] is a {type(item).__name__}; expected an object")
    scopes = item.get("scopes", [])
    if not isinstance(scopes, list) or not set(scopes) <= set(SCOPES):
        raise ValueError(f"keys[{index}].scopes is {scopes!r}; expected a list of {', '.join(SCOPES)}")
    missing = [name for name in ("id", "prefix", "sha256", "tenant") if not isinstance(item.get(name), str)]
    if missing:
        raise ValueError(f"keys[{index}] lacks {', '.join(missing)}; make keys with `weir keys create`")
    return ApiKey(
        id=item["id"],
        prefix=item["prefix"],
        sha256=item["sha256"],
        tenant=item["tenant"],
        scopes=frozenset(scopes),
        routes=_routes(item.get("routes", ["*"])),
        expires_us=item.get("expires_us"),
        limits=parse_limits(item["limits"], f"keys[{index}].limits") if "limits" in item else NO_LIMITS,
    )


def _routes(value: object) -> tuple[str, ...]:
    return (
        tuple(str(route) for route in value) if isinstance(value, Sequence) and not isinstance(value, str) else ("*",)
    )
