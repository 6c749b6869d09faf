"""A tenant's own user on a ClickHouse server: what it may read, which rows, and within which bounds, as statements.

Views run with the rights of who asks (the server's default for views), so the user may read the tables behind them, and a
row policy on each of these shows its own rows only, whichever way they are asked for. Policies come before grants: there
is no moment in which the user sees more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from weir.lineage.core.sql_strings import quoted
from weir.lineage.read.core.sql_settings import Bounds

TABLES = {
    "v_inference_requests": "inference_requests",
    "v_inference_responses": "inference_responses",
    "v_spans": "span_rows",
    "v_text_features": "text_feature_rows",
    "v_drift_signals": "drift_signals",
    "v_drift_blame": "drift_signals",
    "v_evaluation_scores": "evaluation_scores",
    "v_anchor_scores": "evaluation_scores",
    "v_feedback": "feedback",
    "v_alerts": "alerts",
    "v_lineage": "edges_by_source",
    "v_impact": "edges_by_target",
    "v_call_hours": "call_hours",
}
"""Views that a tenant reads, and the table behind each. Not among them is what belongs to the operator: dead letters, accounts,
signals about the system, the registry and its log of decisions."""

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A tenant whose user can be made: its name becomes a part of the user's."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""A database or a user of the server."""

PROFILE = "weir_limits"
"""Settings profile of every tenant's user."""

OWN_POLICY = "weir_own"
"""Row policy of lineage's own user, under which it goes on seeing every row."""

TENANT_PREFIX = "weir_tenant_"
"""Before a tenant's name in its user and its policy. No other name made here begins so, whatever a tenant is named."""

SHA256 = re.compile(r"[0-9a-f]{64}")


class GrantRefused(ValueError):
    """A name that no statement is made from."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the tables are."""

    database: str = "default"
    user: str = "default"
    """User of lineage, which goes on seeing every row."""


def user_of(tenant: str) -> str:
    """Name of a tenant's user. Raises GrantRefused."""
    if TENANT.fullmatch(tenant) is None:
        raise GrantRefused(f"tenant {tenant[:100]!r} cannot be part of a user's name; expected letters, digits, . _ -")
    return f"{TENANT_PREFIX}{tenant}"


def grants(tenant: str, password_sha256: str, server: Server, bounds: Bounds) -> Iterator[str]:
    """Statements that make a tenant's user, in their order. Raises GrantRefused.

    Run again, they leave the user as they make it: the new password opens, the one before it no longer does.
    password_sha256: 64 hex digits; the password itself stands in no statement.
    """
    user = f"`{user_of(tenant)}`"
    if SHA256.fullmatch(password_sha256) is None:
        raise GrantRefused("the password's hash is no SHA-256 of 64 hex digits")
    for name in (server.database, server.user):
        if NAME.fullmatch(name) is None:
            raise GrantRefused(f"{name[:100]!r} is no plain name of a database or a user")
    if server.user.startswith(TENANT_PREFIX):
        raise GrantRefused(
            f"lineage's own user {server.user!r} is named as a tenant's user is; give it a name that does not begin with"
            f" {TENANT_PREFIX!r}"
        )
    database, service = f"`{server.database}`", f"`{server.user}`"
    yield f"CREATE SETTINGS PROFILE OR REPLACE {PROFILE} SETTINGS {_limits(bounds)}"
    made = (
        f"{user} IDENTIFIED WITH sha256_hash BY '{password_sha256}'"
        f" DEFAULT DATABASE {database} SETTINGS PROFILE '{PROFILE}'"
    )
    yield f"CREATE USER IF NOT EXISTS {made}"
    yield f"ALTER USER {made}"  # CREATE leaves a user that exists as it is, with its password
    for table in sorted(set(TABLES.values())):
        yield f"CREATE ROW POLICY OR REPLACE {OWN_POLICY} ON {database}.{table} USING 1 TO {service}"
        yield f"CREATE ROW POLICY OR REPLACE {user} ON {database}.{table} USING tenant = {quoted(tenant)} TO {user}"
    for name in sorted({*TABLES, *TABLES.values()}):
        yield f"GRANT SELECT ON {database}.{name} TO {user}"


def _limits(bounds: Bounds) -> str:
    """Bounds that a user cannot widen. Read-only of kind 2: stock clients set how their answer is written."""
    widest = {
        "max_execution_time": bounds.seconds_max,
        "max_memory_usage": bounds.memory_bytes_max,
        "max_result_rows": bounds.rows_max,
        "max_result_bytes": bounds.bytes_max,
        "max_threads": 1,
    }
    return ", ".join(
        ["readonly = 2 READONLY", *(f"{name} = {value} MIN 1 MAX {value}" for name, value in widest.items())]
    )
