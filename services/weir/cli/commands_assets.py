"""Commands for the registry: apply, asset list, show, history, diff, alias."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from weir.cli import client
from weir.cli.apply_problems import with_places
from weir.cli.asset_path import asset_path
from weir.cli.definitions import parsed_values, read_definitions, values_of_files
from weir.cli.me import me
from weir.cli.moments import microseconds, written
from weir.cli.output import CliError, ExitCode, Json, emit, emit_json, emit_rows, emit_table, emit_text

Author = Annotated[str, typer.Option(help="Who makes the change; recorded in the history.")]


def apply(
    file: Annotated[list[Path], typer.Option("--file", "-f", help="YAML file, or a folder of them.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Value of a ${key} placeholder: key=value.")] = None,
    set_from: Annotated[
        list[str] | None,
        typer.Option("--set-from", help="Values of a JSON file: name=file fills ${name_key} with the value of key."),
    ] = None,
    author: Author = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing.")] = False,
    json: Json = False,
) -> None:
    """Apply definitions: all of them, or none."""
    named = parsed_values(set_ or [])
    found = read_definitions(file, {**values_of_files(set_from or []), **named}, wanted=named)
    documents = [one.value for one in found]
    body = {"documents": documents, "author": author or me(), "dry_run": dry_run}
    try:
        answer = client.send("registry", "POST", "/v1/apply", body)
    except CliError as error:
        raise with_places(error, found) from error
    moved = ("alias",) if any("alias" in one for one in answer["items"]) else ()
    emit_rows(answer, answer["items"], ("change", "kind", "name", "version", *moved, "digest"), json)


def list_assets(kind: Annotated[str, typer.Option(help="Only this kind.")] = "", json: Json = False) -> None:
    """Assets with their aliases."""
    answer = client.get("registry", "/v1/assets", kind=kind)
    if json:
        emit_json(answer)
    elif answer["items"]:
        emit_table(answer["items"], [name for name in answer["items"][0] if name != "spec"])


def show(
    kind: str,
    name: str,
    version: Annotated[str, typer.Argument(help="Version, alias or digest.")] = "",
    json: Json = False,
) -> None:
    """One asset with its versions, or one version whole."""
    path = asset_path(kind, name, *([version] if version else []))
    answer = client.get("registry", path)
    emit(answer, json_module.dumps(answer, indent=2, ensure_ascii=False), json)


def history(
    since: Annotated[str, typer.Option(help="Only changes from then on: ISO 8601 in UTC, or an age, as 24h.")] = "",
    until: Annotated[str, typer.Option(help="Only changes before then.")] = "",
    json: Json = False,
) -> None:
    """What changed between two times: every version made and every alias moved, of all assets, newest first."""
    from_us = microseconds("--since", since) if since else ""
    to_us = microseconds("--until", until) if until else ""
    if since and until and int(from_us) >= int(to_us):
        raise CliError(ExitCode.INVALID, f"--since {since} is not before --until {until}", "weir asset history --help")
    answer = client.get("registry", "/v1/history", from_us=from_us, to_us=to_us)
    if json:
        emit_json(answer)
        return
    rows = [{**row, "time": written(row["time_us"])} for row in answer["items"]]
    emit_table(rows, ("time", "change", "kind", "name", "version", "alias", "author", "previous_digest", "digest"))
    if answer["truncated"]:
        emit_text(f"showing the newest {len(rows)}; --since and --until narrow it")


def diff(kind: str, name: str, before: str, after: str, json: Json = False) -> None:
    """What changed between two versions."""
    answer = client.get("registry", asset_path(kind, name, under="diff"), **{"from": before, "to": after})
    emit(answer, json_module.dumps(answer, indent=2, ensure_ascii=False), json)


def approve(kind: str, name: str, version: str, author: Author = "", json: Json = False) -> None:
    """Approve a version that somebody else wrote; aliases under four eyes move only to approved ones."""
    body = {"author": author or me()}
    path = asset_path(kind, name, version, "approvals")
    answer = client.send("registry", "POST", path, body)
    emit(answer, f"{kind}/{name} {answer['version']} is approved by {answer['approved_by']}", json)


def alias(kind: str, name: str, alias: str, version: str, author: Author = "", json: Json = False) -> None:
    """Move an alias to a version."""
    body = {"version": version, "author": author or me()}
    answer = client.send("registry", "PUT", asset_path(kind, name, "aliases", alias), body)
    emit(answer, f"{kind}/{name}:{alias} is {version} now", json)
