"""A tenant's user on a ClickHouse server: the engine's own parser reads every statement, and the rows are the tenant's.

The embedded engine has no users, so no statement is run here. What a policy shows is tried with the engine's own filters
of tables, which take the same condition at the same place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chdb
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from harness.samples.builders import completed
from weir.cli.__main__ import app
from weir.cli.output import CliError, ExitCode
from weir.cli.sql_grants import ADDRESS
from weir.cli.sql_grants import BOUNDS as SHOWN
from weir.lineage.core.sql_strings import quoted
from weir.lineage.read.core.sql_grants import TABLES, TENANT, GrantRefused, Server, grants, user_of
from weir.lineage.read.core.sql_settings import Bounds
from weir.lineage.settings import LineageSettings
from weir.lineage.store.store import Store

Put = Callable[..., None]
BOUNDS = Bounds(rows_max=10, bytes_max=1_000, memory_bytes_max=2_000, seconds_max=3)
HASH = "ab" * 32


@pytest.mark.capability("U5")
def test_the_engines_own_parser_reads_every_statement(store: Store) -> None:
    statements = list(grants("acme.corp", HASH, Server("weir", "lineage"), BOUNDS))

    assert len(statements) > 2 * len(TABLES)
    for statement in statements:
        ((read,),) = [row.values() for row in store.rows(f"SELECT formatQuerySingleLine({quoted(statement)}) AS read")]
        assert re.sub(r"[`\s]", "", str(read)).startswith(re.sub(r"[`\s]", "", statement)[:40])
        assert store.rows(f"EXPLAIN AST {statement}")


def test_policies_come_before_grants() -> None:
    statements = list(grants("acme", HASH, Server(), BOUNDS))
    words = [" ".join(statement.split()[:2]) for statement in statements]

    assert words.index("GRANT SELECT") > max(place for place, word in enumerate(words) if word == "CREATE ROW")
    policies = {
        table
        for s in statements
        for table in re.findall(r"POLICY OR REPLACE `weir_tenant_acme` ON `default`\.(\w+)", s)
    }
    granted = {name for s in statements for name in re.findall(r"GRANT SELECT ON `default`\.(\w+)", s)}
    assert {name for name in granted if not name.startswith("v_")} == policies == set(TABLES.values())


def test_a_user_that_exists_gets_the_new_password_and_the_old_one_opens_no_more(store: Store) -> None:
    statements = list(grants("acme", HASH, Server("weir"), BOUNDS))
    created = next(s for s in statements if s.startswith("CREATE USER IF NOT EXISTS "))
    changed = statements[statements.index(created) + 1]

    assert changed == created.replace("CREATE USER IF NOT EXISTS", "ALTER USER")
    assert f"IDENTIFIED WITH sha256_hash BY '{HASH}'" in changed
    ((read,),) = [row.values() for row in store.rows(f"SELECT formatQuerySingleLine({quoted(changed)}) AS read")]
    assert " ADD IDENTIFIED" not in str(read)  # that would keep the old password beside the new one
    assert "DROP ALL SETTINGS, DROP ALL PROFILES, ADD PROFILE `weir_limits`" in str(read)


def test_each_view_of_a_tenant_reads_the_table_that_its_policy_is_on(store: Store) -> None:
    made = {
        str(row["name"]): str(row["create_table_query"])
        for row in store.rows("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()")
    }
    for view, table in TABLES.items():
        assert set(re.findall(r"(?:FROM|JOIN) default\.(\w+)", made[view])) == {table}
        assert "`tenant`" in made[table]
        assert "SQL SECURITY" not in made[view] or "INVOKER" in made[view]


@pytest.mark.capability("U5")
def test_the_condition_of_a_policy_shows_a_tenant_its_own_rows(store: Store, put: Put, tmp_path: Path) -> None:
    put(
        "inference-responses",
        *[completed(seq, tenant=("acme", "other's")[seq % 2], route=f"r{seq % 2}") for seq in range(6)],
    )
    for tenant, route in (("acme", "r0"), ("other's", "r1")):
        filters = {f"default.{table}": f"tenant = {quoted(tenant)}" for table in set(TABLES.values())}
        listed = ", ".join(f"{quoted(name)}: {quoted(condition)}" for name, condition in filters.items())
        engine = chdb.connect(str(LineageSettings(data_dir=tmp_path / "data").store_dir))  # type: ignore[no-untyped-call]  # chdb has no types
        engine.query(f"SET additional_table_filters = {{{listed}}}")
        for view in ("v_inference_responses", "v_lineage", "v_impact"):
            found = engine.query(f"SELECT DISTINCT tenant, route FROM {view}", "TSVRaw").bytes().decode()
            assert found == f"{tenant}\t{route}\n"
        engine.close()


def test_a_users_statement_is_refused_where_there_are_no_users(store: Store) -> None:
    """Why nothing here is run: it says so itself."""
    for statement in list(grants("acme", HASH, Server(), BOUNDS))[:2]:
        with pytest.raises(ClickHouseError, match="ACCESS_DENIED"):
            store.command(statement)


@pytest.mark.parametrize(
    ("tenant", "digest", "server"),
    [
        ("", HASH, Server()),
        ("a`b", HASH, Server()),
        ("a b", HASH, Server()),
        ("x" * 65, HASH, Server()),
        ("acme", "secret", Server()),
        ("acme", HASH, Server("a.b")),
        ("acme", HASH, Server("default", "x`; DROP")),
        ("acme", HASH, Server("default", "weir_tenant_acme")),
    ],
)
def test_a_name_that_could_be_more_than_a_name_is_refused(tenant: str, digest: str, server: Server) -> None:
    with pytest.raises(GrantRefused):
        list(grants(tenant, digest, server, BOUNDS))


@given(st.text(max_size=70))
def test_any_tenant_is_a_user_or_refused(tenant: str) -> None:
    try:
        user = user_of(tenant)
    except GrantRefused:
        return
    assert re.fullmatch(r"weir_tenant_[A-Za-z0-9._-]{1,64}", user)


TENANTS = st.from_regex(TENANT, fullmatch=True) | st.sampled_from(
    ["service", "own", "tenant", "limits", "tenant_own", "tenant_acme", "acme"]
)
"""Names of tenants, among them those that sound as a name of the statements' own."""

MADE = re.compile(r"(USER IF NOT EXISTS|ALTER USER|ROW POLICY OR REPLACE|PROFILE OR REPLACE) `?([^`\s]+)`?")
"""What a statement makes, and its name."""


@pytest.mark.capability("U5")
@given(TENANTS, TENANTS)
def test_no_tenants_name_gives_a_name_that_is_used_otherwise(one: str, other: str) -> None:
    """A tenant named as lineage's own policy would take its rows away, or see those of all."""
    of_one, of_other = made_for(one), made_for(other)

    assert {kind for kind, _ in of_one} == {
        "USER IF NOT EXISTS",
        "ALTER USER",
        "ROW POLICY OR REPLACE",
        "PROFILE OR REPLACE",
    }
    assert {name for _, name in of_one - of_other} <= {user_of(one)}
    assert all(user_of(one) != name for _, name in of_one & of_other) or one == other
    policies = sorted(name for kind, name in of_one if kind.startswith("ROW"))
    assert len(policies) == 2  # lineage's own, and the tenant's
    assert {name for kind, name in of_one if kind.startswith("PROFILE")}.isdisjoint({user_of(one), user_of(other)})


def made_for(tenant: str) -> set[tuple[str, str]]:
    """What a tenant's statements make: kinds and names."""
    statements = list(grants(tenant, HASH, Server("weir", "weir"), BOUNDS))
    made = [match for match in map(MADE.search, statements) if match is not None]
    assert len(made) == 3 + 2 * len(set(TABLES.values()))
    return {(match[1], match[2]) for match in made}


def test_the_bounds_of_a_tenant_are_the_defaults_of_lineage() -> None:
    default = LineageSettings()

    assert (SHOWN.rows_max, SHOWN.seconds_max) == (default.query_rows_max, default.query_timeout_s)
    assert (SHOWN.bytes_max, SHOWN.memory_bytes_max) == (default.sql_answer_bytes_max, default.sql_memory_bytes_max)


@pytest.mark.parametrize("more", [["SELECT 1"], ["--columns"], ["--json"]])
def test_what_the_command_would_ignore_is_refused(more: list[str]) -> None:
    ran: Any = CliRunner().invoke(app, ["sql", "--grants", "acme", *more])

    assert ran.exit_code != 0
    assert "CREATE USER" not in ran.stdout


def test_the_command_prints_statements_and_keeps_the_password_out_of_them() -> None:
    ran = printed("http://weir:word@clickhouse:8123/calls")

    assert ran.exit_code == 0
    password = re.search(r"shown once: (\S+)", ran.stderr)
    assert password is not None
    assert password[1] not in ran.stdout
    assert "word" not in ran.stdout.replace("password", "")
    assert "CREATE USER IF NOT EXISTS `weir_tenant_acme`" in ran.stdout
    assert "ON `calls`.feedback USING 1 TO `weir`;" in ran.stdout


@pytest.mark.parametrize("address", [None, "", "clickhouse:8123", "http://[x"])
def test_without_the_address_of_lineages_server_no_user_is_guessed(address: str | None) -> None:
    ran = printed(address)

    assert isinstance(ran.exception, CliError)
    assert (ran.exception.code, ran.stdout) == (ExitCode.INVALID, "")
    assert ADDRESS in ran.exception.message
    assert f"set {ADDRESS} as lineage has it, http://USER@HOST:8123/DATABASE" in ran.exception.hint


def printed(address: str | None) -> Any:
    """What the command gives. address: of lineage's server, as the shell has it; None where it has none."""
    return CliRunner().invoke(app, ["sql", "--grants", "acme"], env={ADDRESS: address})
