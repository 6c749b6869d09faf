"""Commands that ask lineage: trace, lineage, impact, audit, dead letters, SQL."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Annotated, Any, get_args
from urllib.parse import quote

import typer

from weir.cli import client
from weir.cli.asset_path import asset_path
from weir.cli.moments import microseconds
from weir.cli.output import CliError, ExitCode, Json, emit_json, emit_rows, emit_table, emit_text
from weir.cli.waterfall import waterfall
from weir.events import Outcome
from weir.events.log import ProducerEpoch

OUTCOMES: tuple[str, ...] = get_args(Outcome)
"""How a call ends."""


def trace_show(
    trace_id: Annotated[str, typer.Argument(help="Trace id, or the request id of a call.")], json: Json = False
) -> None:
    """A trace as a waterfall; below it how each call ended that is not ok, its scores and its alerts."""
    if "-" in trace_id:
        trace_id = str(client.get("lineage", f"/v1/requests/{quote(trace_id)}")["trace_id"])
    answer = client.get("lineage", f"/v1/traces/{quote(trace_id)}")
    if json:
        emit_json(answer)
        return
    emit_text(waterfall(answer))
    failed = [one for one in answer["requests"] if one["outcome"] != "ok"]
    if failed:
        emit_table(failed, ("request_id", "outcome", "error_type", "error_message"))
    if answer["scores"]:
        emit_table(answer["scores"], ("evaluator", "score", "passed", "label"))
    if answer["alerts"]:
        emit_table(answer["alerts"], ("rule", "state", "severity"))


def trace_search(
    tenant: str = "",
    route: str = "",
    outcome: Annotated[str, typer.Option(help=f"How a call ended: {', '.join(OUTCOMES)}.")] = "",
    text: Annotated[str, typer.Option(help="Words within the user's text.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 20,
    json: Json = False,
) -> None:
    """Calls, newest first."""
    if outcome and outcome not in OUTCOMES:
        hint = f"weir trace search --outcome {OUTCOMES[0]}"
        raise CliError(ExitCode.USAGE, f"--outcome is {outcome!r}; expected one of: {', '.join(OUTCOMES)}", hint)
    answer = client.get("lineage", "/v1/requests", tenant=tenant, route=route, outcome=outcome, text=text, limit=limit)
    if json:
        emit_json(answer)
        return
    if not answer["items"]:
        emit_text("no call matches")
        return
    emit_table(answer["items"], ("request_id", "trace_id", "route", "outcome", "latency_ms", "question"))
    if len(answer["items"]) == limit:
        emit_text(f"showing the newest {limit}; --limit shows more")


def lineage_show(request_id: str, json: Json = False) -> None:
    """What one answer was made of, down to passages and digests."""
    answer = client.get("lineage", f"/v1/lineage/{quote(request_id)}")
    if json:
        emit_json(answer)
        return
    emit_table(answer["references"], ("kind", "name", "version", "digest"))
    emit_table(answer["contexts"], ("passage_id", "score", "dataset", "dataset_digest"))


def lineage_export(request_id: str, json: Json = False) -> None:
    """What one answer was made of, and how it was judged, as OpenLineage run events: one a line, or a JSON list."""
    from weir.cli.openlineage import events_of

    events = events_of(client.get("lineage", f"/v1/lineage/{quote(request_id)}"))
    if json:
        emit_json({"items": events})
        return
    for event in events:
        emit_json(event)


def lineage_impact(kind: str, name: str, digest: str = "", version: str = "", json: Json = False) -> None:
    """Which answers an asset, or one version of it, took part in."""
    answer = client.get("lineage", f"/v1/impact/{quote(kind)}/{quote(name)}", digest=digest, version=version)
    if not answer["requests"]:
        _check_known(kind, name, version, digest)
    if json:
        emit_json(answer)
        return
    emit_text(f"{kind} {name}: {answer['requests']} answers, routes {', '.join(answer['routes']) or 'none'}")
    if answer["passages"]:
        emit_table(answer["passages"], ("passage_id", "requests", "mean_score"))
    elif kind == "dataset" and answer["requests"]:
        emit_text(f"passages belong to the content that was served: weir lineage impact index {name}")


def _check_known(kind: str, name: str, version: str, digest: str) -> None:
    """Tell what is in no answer from what does not exist. Raises CliError(NOT_FOUND) for what the registry does not know."""
    for selector in [one for one in (version, digest) if one] or [""]:
        try:
            client.get("registry", asset_path(kind, name, *([selector] if selector else [])))
        except CliError as error:
            # INVALID: a kind that only the store knows, such as passage or index, or a name that no asset can have.
            if error.code not in (ExitCode.NOT_FOUND, ExitCode.INVALID):
                raise
            what = f"{kind} {name!r}" + (f" {selector}" if selector else "")
            raise CliError(
                ExitCode.NOT_FOUND,
                f"no answer was built on {what}, and the registry does not know it",
                "weir asset list",
            ) from error


def audit_gaps(
    since: Annotated[str, typer.Option(help="Only events from then on: ISO 8601 in UTC, or an age, as 24h.")] = "",
    until: Annotated[str, typer.Option(help="Only events before then.")] = "",
    json: Json = False,
) -> None:
    """What became of every sequence number. Exit code 5 when one is missing, or corrupt in the spool; 4 when nothing is
    stored any more although there is something to store.

    A window looks at the numbers whose events happened in it, and at the holes before them.
    """
    from weir.cli.spool_audit import with_spool

    since_us = microseconds("--since", since) if since else ""
    until_us = microseconds("--until", until) if until else ""
    answer = client.get("lineage", "/v1/audit", since_us=since_us, until_us=until_us)
    # What is in the spool is newer than everything stored: a window that ended holds none of it.
    answer = with_spool(answer, client.get("gateway_drain", "/v1/spool"), {} if until else _used_by_gateway())
    answer = _with_otlp(answer, {} if until else _used_by_otlp())
    if json:
        emit_json(answer)
    else:
        shown = [name for name in AUDIT_COLUMNS if name in AUDIT_ALWAYS or any(one[name] for one in answer["sources"])]
        emit_table(answer["sources"], shown)
        emit_text(", ".join(f"{name} {value}" for name, value in answer["totals"].items()))
        if answer["totals"]["late"]:
            emit_text(
                f"late: stored more than {answer['late_after_s']} s after the event, by a replay or a delay; not lost"
            )
        waiting = answer["in_kafka"]
        emit_text(f"waiting in Kafka: {'unknown, no broker answers' if waiting is None else waiting or 'nothing'}")
        if answer["otlp_spool"] is None:
            emit_text("the spool of spans is not counted: nobody says where otlp-drain is (WEIR_OTLP_DRAIN_URL)")
        if not answer["is_settled"]:
            emit_text("the store is behind the log: what is listed as missing may be on its way; ask again")
        if answer.get("stalled"):
            emit_text(f"the store stands still: {answer['stalled']}")
        if not answer["is_whole"]:
            emit_text("there are more holes than are read at once: narrow the window to see all of them")
    if answer["totals"]["missing"] or answer["totals"]["corrupt"]:
        raise typer.Exit(ExitCode.DENIED)
    if answer.get("stalled"):
        raise typer.Exit(ExitCode.NOT_READY)


AUDIT_COLUMNS = (
    "source", "boot_epoch", "accepted", "in_spool", "stored", "superseded", "dead_lettered", "shed", "corrupt", "late", "missing",
    "missing_ranges", "duplicates_visible",
)  # fmt: skip


AUDIT_ALWAYS = ("source", "boot_epoch", "accepted", "stored", "missing")
"""Columns that are shown even where every value is zero."""


def _with_otlp(answer: dict[str, Any], used: dict[ProducerEpoch, int]) -> dict[str, Any]:
    """The audit with the spool of spans too; null where nobody says that there is one. Raises CliError."""
    from weir.cli.spool_audit import with_spool

    if not client.is_known("otlp_drain"):
        return {**answer, "otlp_spool": None}
    return with_spool(answer, client.get("otlp_drain", "/v1/spool"), used, "otlp_spool")


def _used_by_gateway() -> dict[ProducerEpoch, int]:
    return _used("gateway", "weir_gateway", lambda: client.metrics("gateway"))


def _used_by_otlp() -> dict[ProducerEpoch, int]:
    return _used("otlp", "weir_otlp_in", lambda: client.metrics("otlp"))


def _used(service: str, begin: str, ask: Callable[[], dict[str, float]]) -> dict[ProducerEpoch, int]:
    """Numbers used by a running service; none where it does not answer: then only its spool can tell.

    begin: how the names of its metrics begin. ask: asks it, by a name written out, from which a test learns the variables that
    docker-compose.yml must give.
    """
    try:
        metrics = ask()
    except CliError:
        return {}
    instance = os.environ.get("WEIR_INSTANCE", "1")
    epoch = ProducerEpoch(f"{service}/{instance}", int(metrics[f"{begin}_boot_epoch_us"]))
    return {epoch: int(metrics[f"{begin}_numbers_used"])}


def sql(
    query: Annotated[str, typer.Argument(help="The statement; with --columns the name of a view, or nothing.")] = "",
    columns: Annotated[
        bool, typer.Option("--columns", help="Columns of a view, or of all, with their meaning.")
    ] = False,
    grants: Annotated[
        str,
        typer.Option("--grants", metavar="TENANT", help="Statements that make a tenant's user on a ClickHouse server."),
    ] = "",
    json: Json = False,
) -> None:
    """One SELECT over the v_ views, what their columns mean, or the statements that let a tenant read its own rows."""
    if grants:
        from weir.cli.sql_grants import show_grants

        if query or columns or json:
            raise CliError(
                ExitCode.INVALID, "--grants stands alone, and prints statements only", "weir sql --grants acme"
            )
        show_grants(grants)
        return
    if columns:
        _show_columns(query, json)
        return
    if not query:
        raise CliError(ExitCode.INVALID, "no statement was given", 'weir sql "SELECT ...", or weir sql --columns')
    answer = client.sql(query)
    if json:
        emit_json(answer)
        return
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    if rows:
        emit_table(rows, answer["columns"], is_whole=True)
    if answer["truncated"]:
        raise CliError(ExitCode.INVALID, f"showing the first {len(rows)} rows only", "narrow the query")


def _show_columns(view: str, json: bool) -> None:
    """Columns of a view; of every view where none is named."""
    if view and not VIEW.fullmatch(view):
        raise CliError(
            ExitCode.INVALID, f"{view[:100]!r} is no name of a view", "weir sql --columns v_inference_responses"
        )
    where = f" WHERE table = '{view}'" if view else ""
    query = f"SELECT table AS view, name, type, comment AS meaning FROM system.columns{where} ORDER BY table, position"
    answer = client.sql(query)
    rows = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
    if not rows:
        raise CliError(ExitCode.NOT_FOUND, f"no view {view!r} is published", "weir sql --columns")
    emit_rows({"items": rows}, rows, ("name", "type", "meaning") if view else ("view", "name", "type", "meaning"), json)


VIEW = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
"""A name of a view."""
