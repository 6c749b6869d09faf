"""Commands for drift: where streams stand, and what a person decides about one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from weir.cli import client
from weir.cli.me import me
from weir.cli.output import Json, emit, emit_json, emit_rows, emit_table

Tenant = Annotated[str, typer.Option(help="Tenant of the stream.")]
Route = Annotated[str, typer.Option(help="Route of the stream.")]
Author = Annotated[str, typer.Option(help="Who decides; recorded. Without it, your user name.")]
Reason = Annotated[str, typer.Option(help="Why; recorded.")]

COLUMNS = (
    "tenant", "route", "phase", "alarm", "events", "reference", "skew_reference", "skew", "inactive", "last_signal",
)  # fmt: skip
PART_COLUMNS = ("tenant", "route", "part", "statistic", "warn_threshold", "page_threshold")


def status(
    parts: Annotated[bool, typer.Option("--parts", help="The statistic of every part beside its thresholds.")] = False,
    json: Json = False,
) -> None:
    """Monitored streams: phase, references, alarms and the last signal."""
    answer = client.get("drift", "/v1/streams")
    if json:
        emit_json(answer)
    elif parts:
        emit_table([row for stream in answer["items"] for row in _part_rows(stream)], PART_COLUMNS)
    else:
        emit_table([_row(stream) for stream in answer["items"]], COLUMNS)


def clusters(tenant: Tenant, route: Route, json: Json = False) -> None:
    """Novel clusters of a stream, growing ones first."""
    answer = client.get("drift", _path(tenant, route, "clusters"))
    emit_rows(answer, answer["items"], ("name", "events", "per_100", "per_100_before", "request_ids"), json)


def accept(tenant: Tenant, route: Route, author: Author = "", reason: Reason = "", json: Json = False) -> None:
    """The change is the new normal: begin a new reference version. Recorded on drift-signals."""
    answer = _decide("accept", tenant, route, author, reason)
    reference = answer["reference"]
    line = f"reference {reference['version']} of {tenant}/{route} is begun: {reference['events_needed']} events"
    emit(answer, line, json)


def dismiss(tenant: Tenant, route: Route, author: Author = "", reason: Reason = "", json: Json = False) -> None:
    """The alarm was false: end it and keep the reference. Recorded on drift-signals."""
    answer = _decide("dismiss", tenant, route, author, reason)
    line = f"alarms of {tenant}/{route} are over; reference {answer['reference']['version']} stays"
    emit(answer, line, json)


def skew_reference(
    dataset: Annotated[Path, typer.Option(help="JSON lines, one item a line.", exists=True, dir_okay=False)],
    name: Annotated[str, typer.Option(help="Name of the evaluation dataset.")],
    version: Annotated[str, typer.Option(help="Its version.")],
    tenant: Tenant,
    route: Route,
    field: Annotated[str, typer.Option(help="Key of the text. Without it: text, question, prompt or input.")] = "",
    digest: Annotated[
        str, typer.Option(help="Digest of the version. Without it: the registry's, else the file's.")
    ] = "",
    model: Annotated[str, typer.Option(help="Embedding route of the gateway, the stream's own model.")] = "minilm",
    items_max: Annotated[int, typer.Option(help="Items sent; of a longer file a sample by hash.")] = 2_000,
    author: Author = "",
    json: Json = False,
) -> None:
    """Compare a stream's traffic with an evaluation dataset version from now on."""
    from weir.cli.skew_dataset import digest_of_dataset, embed, texts_of

    body = {
        "author": author or me(),
        "name": name,
        "version": version,
        "digest": digest or digest_of_dataset(dataset, name, version),
        "embedding_model": model,
        "embeddings": embed(texts_of(dataset, field, items_max), model),
    }
    answer = client.send("drift", "POST", _path(tenant, route, "skew-reference"), body)
    line = f"{tenant}/{route} is compared with {name} {version} ({answer['skew']['dataset_items']} items)"
    emit(answer, line, json)


def _decide(verb: str, tenant: str, route: str, author: str, reason: str) -> Any:
    body = {"author": author or me(), "reason": reason}
    return client.send("drift", "POST", _path(tenant, route, verb), body)


def _path(tenant: str, route: str, verb: str) -> str:
    return f"/v1/streams/{quote(tenant, safe='')}/{quote(route)}/{verb}"


def _row(stream: dict[str, Any]) -> dict[str, Any]:
    reference, skew, last = stream["reference"], stream["skew"], stream["last_signal"]
    return {
        **stream,
        "phase": stream["state"],
        "reference": f"{reference['version']} ({reference['events']} of {reference['events_needed']} events)",
        "skew_reference": f"{skew['dataset_name']} {skew['dataset_version']}" if skew else "",
        "skew": f"{skew['state']}, {skew['windows']} windows" if skew else "",
        "inactive": " ".join(stream["inactive_parts"]),
        "last_signal": " ".join(filter(None, (last["state"], last["level"], last["part"]))) if last else "",
    }


def _part_rows(stream: dict[str, Any]) -> list[dict[str, Any]]:
    line = {"tenant": stream["tenant"], "route": stream["route"]}
    return [
        {**line, **{key: "" if value is None else value for key, value in part.items()}, "part": part["name"]}
        for part in stream["parts"]
    ]
