"""The command that asks which version of which asset the failed answers have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from weir.assets.references import PROD, AssetReference
from weir.cli import client
from weir.cli.asset_path import asset_path
from weir.cli.blame import Blamed, Counted, blamed
from weir.cli.moments import microseconds
from weir.cli.output import CliError, ExitCode, Json, emit_json, emit_table, emit_text
from weir.lineage.core.sql_strings import quoted

SHOWN_MAX = 20
"""Versions shown: a person acts on the first; any value from 5 to 100 would do."""

VERSIONS_MAX = 5_000
"""Versions compared, those in most answers first: with passages a corpus has thousands, and a rare one has no evidence."""

COLUMNS = (
    "kind",
    "name",
    "version",
    "digest",
    "node",
    "answers",
    "failed",
    "failed_share",
    "failed_share_without",
    "p",
)


def lineage_blame(
    route: Annotated[str, typer.Argument(help="Route whose answers are compared.")],
    evaluator: Annotated[str, typer.Option(help="Whose verdict tells a failed answer.")],
    since: Annotated[str, typer.Option(help="Answers judged from then on: ISO 8601 in UTC, or an age.")] = "24h",
    json: Json = False,
) -> None:
    """Which versions go with failed answers, most suspect first: assets and passages, a corrected p-value, the chain's node."""
    since_us = microseconds("--since", since)
    answers, failed = _ask(totals_of(route, evaluator, since_us))[0]
    if not answers:
        raise CliError(
            ExitCode.NOT_FOUND, f"no answer of {route} was judged by {evaluator} since {since}", "weir trace search"
        )
    versions = [Counted(*row) for row in _ask(versions_of(route, evaluator, since_us))]
    nodes = nodes_by_asset(_chain(route))
    rows = [row_of(one, nodes) for one in blamed(versions, int(answers), int(failed))[:SHOWN_MAX]]
    if json:
        emit_json({"route": route, "evaluator": evaluator, "answers": answers, "failed": failed, "items": rows})
        return
    emit_text(f"{failed} of {answers} answers of {route} failed {evaluator}")
    emit_table(rows, COLUMNS)


def versions_of(route: str, evaluator: str, since_us: int) -> str:
    """The statement that counts judged and failed answers by version."""
    return (
        "SELECT part.kind, part.name, part.version, part.digest, uniqExact(part.request_id) AS answers,"
        " uniqExactIf(part.request_id, judged.failed) AS failed"
        f" FROM v_impact AS part JOIN ({_judged(route, evaluator, since_us)}) AS judged ON part.request_id = judged.request_id"
        f" GROUP BY part.kind, part.name, part.version, part.digest ORDER BY answers DESC, part.name LIMIT {VERSIONS_MAX}"
    )


def totals_of(route: str, evaluator: str, since_us: int) -> str:
    """The statement that counts all judged and failed answers."""
    return f"SELECT count(), countIf(failed) FROM ({_judged(route, evaluator, since_us)}) AS judged"


def nodes_by_asset(chain: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Kind and name of an asset -> the nodes of a chain that use it. A passage and an index belong to their dataset's node."""
    found: dict[tuple[str, str], list[str]] = {}
    for node in chain.get("nodes", ()):
        if "uses" in node:
            uses = AssetReference.from_text(str(node["uses"]))
            found.setdefault((uses.kind, uses.name), []).append(str(node["name"]))
    datasets = sorted({node for (kind, _), nodes in found.items() if kind == "dataset" for node in nodes})
    named = {key: ", ".join(nodes) for key, nodes in found.items()}
    return {**named, ("passage", ""): ", ".join(datasets), ("index", ""): ", ".join(datasets)}


def row_of(one: Blamed, nodes: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """A version as a row."""
    counted = one.counted
    node = nodes.get((counted.kind, counted.name)) or nodes.get((counted.kind, ""), "")
    return {
        "kind": counted.kind, "name": counted.name, "version": counted.version, "digest": counted.digest, "node": node,
        "answers": counted.answers, "failed": counted.failed, "failed_share": one.failed_share,
        "failed_share_without": one.failed_share_without, "p": one.p,
    }  # fmt: skip


def _judged(route: str, evaluator: str, since_us: int) -> str:
    return (
        "SELECT request_id, max(passed = 0) AS failed FROM v_evaluation_scores"
        f" WHERE route = {quoted(route)} AND evaluator = {quoted(evaluator)} AND event_time_us >= {since_us}"
        " AND passed IS NOT NULL GROUP BY request_id"
    )


def _ask(statement: str) -> Sequence[list[Any]]:
    return list(client.sql(statement)["rows"])


def _chain(route: str) -> Mapping[str, Any]:
    try:
        answer: Mapping[str, Any] = client.get("registry", asset_path("chain", route, PROD))["spec"]
    except CliError as error:
        if error.code not in (ExitCode.NOT_FOUND, ExitCode.INVALID):
            raise
        return {}  # a route without a chain has no nodes
    return answer
