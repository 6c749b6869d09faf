"""API keys: who calls, for which tenant, with which scopes. Default deny.

A key is `weir_<8 hex digits>_<43 url-safe characters>`; only its SHA-256 is stored, found by the prefix. The secret has
256 random bits, so a fast hash is enough.
"""

from __future__ import annotations

import fnmatch
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weir.access.caller_limits import NO_LIMITS, CallerLimits, parse_limits
from weir.access.key_text import KEY, counted, shown
from weir.access.refusals import Refusal
from weir.assets.strict_json import object_of_pairs

SCOPES = ("infer", "embed", "models", "feedback", "otlp", "admin")

REQUIRED = frozenset({"id", "prefix", "sha256", "tenant", "scopes"})
FIELDS = REQUIRED | {"routes", "expires_us", "limits"}
"""Fields of a stored key. Any other is refused: a misspelt `routes` or `expires_us` would open more than was meant."""

NAME = re.compile(r"\S(.{0,126}\S)?")
PREFIX = re.compile(r"[0-9a-f]{8}")
SHA256 = re.compile(r"[0-9a-f]{64}")

TIME_US_END = 2**63
"""End of the times that an event can carry."""

OTHER_UNIT = range(1_000_000_000, 10_000_000_000_000)
"""Values of expires_us that are refused: from 2001 to 2286, counted in seconds or in milliseconds; as microseconds they are of
January to April 1970."""

UNQUOTED = frozenset({"prefix", "sha256"})
"""Fields that no error repeats: a part of a key is pasted there, too, and a part looks like any text."""

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
    expires_us: int | None = None
    """When the key ends, since 1970-01-01 UTC; None for never."""

    def demand(self, scope: str) -> None:
        """Raises Refusal naming the scope when the caller lacks it; admin has every scope."""
        if scope not in self.scopes and "admin" not in self.scopes:
            have = ", ".join(sorted(self.scopes)) or "none"
            raise Refusal("permission_denied", f"key {self.key_id} has the scopes {have}; this call needs {scope}")

    def demand_task(self, task: str) -> None:
        """Raises Refusal when the caller lacks the scope of a model's task: `embed` or `infer` for embeddings, else `infer`."""
        self.demand("embed" if task == "embeddings" and "infer" not in self.scopes else "infer")

    def demand_any_task(self) -> None:
        """Raises Refusal when the caller may ask no route, of whatever task."""
        if "embed" not in self.scopes:
            self.demand("infer")

    @property
    def has_all_routes(self) -> bool:
        """Whether the key is for every route."""
        return "*" in self.routes

    def may_ask(self, route: str) -> bool:
        """Whether the key is for this route."""
        return self.has_all_routes or any(fnmatch.fnmatchcase(route, pattern) for pattern in self.routes)

    def demand_route(self, route: str, asked: str) -> None:
        """Raises Refusal when the key is not for this route. asked: the name that the caller gave, and reads in the error."""
        if not self.may_ask(route):
            raise Refusal(
                "permission_denied",
                f"key {self.key_id} is not for route {asked!r}; its routes: {', '.join(self.routes)}",
            )


def document_of(content: bytes) -> object:
    """The JSON of a keys file, to be read by `parse_keys` or `read_keys`.

    Raises ValueError and RecursionError for what is no JSON, and for a key given twice: of two `routes` the last would win.
    """
    return json.loads(content, object_pairs_hook=_object)


def parse_keys(document: object) -> dict[str, ApiKey]:
    """Keys of a keys file by prefix. Raises ValueError naming what is wrong and where."""
    keys, problems = read_keys(document)
    if problems:
        raise ValueError("; ".join(problems))
    return keys


def read_keys(document: object) -> tuple[dict[str, ApiKey], tuple[str, ...]]:
    """The usable keys of a keys file by prefix, and what is wrong with the others, each with its place.

    A key that cannot be read opens nothing, and does not keep the others from being read: a key that was taken out of the
    file is gone whatever else was written into it. Raises ValueError for a document that is no keys file.
    """
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError('a keys file is {"keys": [...]}; make keys with `weir keys create`')
    unknown = sorted(str(name) for name in set(document) - {"keys"})
    if unknown:
        raise ValueError(f"a keys file has the unknown field {shown(unknown[0])}; it holds 'keys' alone")
    keys: dict[str, ApiKey] = {}
    ids, problems = set[str](), list[str]()
    for index, item in enumerate(document["keys"]):
        try:
            key = _parse_key(item, index)
            if key.id in ids or key.prefix in keys:
                raise ValueError(f"keys[{index}] repeats the id {key.id!r} or the prefix of an earlier key")
        except ValueError as error:
            problems.append(str(error))
        else:
            ids.add(key.id)
            keys[key.prefix] = key
    return keys, tuple(problems)


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
    return Caller(key.tenant, key.id, key.scopes, key.routes, key.limits, key.expires_us)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    try:
        return object_of_pairs(pairs)
    except ValueError:
        if any(KEY.search(name) for name, _ in pairs):
            raise ValueError("the text of an API key stands where a field's name belongs, twice") from None
        raise


def _parse_key(item: object, index: int) -> ApiKey:
    where = f"keys[{index}]"
    if not isinstance(item, dict):
        raise ValueError(f"{where} is a {type(item).__name__}; expected an object")
    unknown = sorted(str(name) for name in set(item) - FIELDS)
    if unknown:
        raise ValueError(
            f"{where} has the unknown field {shown(unknown[0])}; accepted fields: {', '.join(sorted(FIELDS))}"
        )
    missing = [name for name in sorted(REQUIRED) if name not in item]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}; make keys with `weir keys create`")
    return ApiKey(
        id=_matching(item, "id", NAME, where, "1 to 128 printable characters without spaces at its ends"),
        prefix=_matching(item, "prefix", PREFIX, where, "8 lower-case hex digits"),
        sha256=_matching(item, "sha256", SHA256, where, "64 lower-case hex digits"),
        tenant=_matching(item, "tenant", NAME, where, "1 to 128 printable characters without spaces at its ends"),
        scopes=_scopes(item["scopes"], where),
        routes=_routes(item.get("routes", ["*"]), where),
        expires_us=_expires_us(item.get("expires_us"), where),
        limits=parse_limits(item["limits"], f"{where}.limits") if "limits" in item else NO_LIMITS,
    )


def _matching(item: Mapping[str, object], name: str, pattern: re.Pattern[str], where: str, expected: str) -> str:
    value = item[name]
    if not isinstance(value, str) or not pattern.fullmatch(value) or not value.isprintable() or KEY.search(value):
        said = counted(value) if name in UNQUOTED else shown(value)
        raise ValueError(f"{where}.{name} is {said}; expected {expected}")
    return value


def _scopes(value: object, where: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one in SCOPES for one in value):
        raise ValueError(f"{where}.scopes is {shown(value)}; expected a list of {', '.join(SCOPES)}")
    return frozenset(value)


def _routes(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise ValueError(f"{where}.routes is {shown(value)}; expected a list of at least one route or pattern")
    return tuple(value)


def _expires_us(value: object, where: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < TIME_US_END:
        raise ValueError(f"{where}.expires_us is {shown(value)}; expected null, or microseconds since 1970-01-01 UTC")
    if value in OTHER_UNIT:
        hint = "it looks like seconds or milliseconds"
        raise ValueError(f"{where}.expires_us is {value!r}; expected microseconds since 1970-01-01 UTC; {hint}")
    return value
