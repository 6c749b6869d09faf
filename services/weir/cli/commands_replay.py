"""The command that runs the drift bank over history again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.blas import require_one_thread
from weir.cli.moments import LATEST, microseconds, span, written
from weir.cli.output import CliError, ExitCode, Json, emit_json, emit_table, emit_text

if TYPE_CHECKING:
    from weir.cli.replay_run import Progress


def drift_replay(
    since: Annotated[str, typer.Option("--from", help="earliest, a time (ISO 8601, in UTC), or an age, as 24h.")],
    until: Annotated[str, typer.Option("--to", help="latest, or the first time or age no longer replayed.")] = LATEST,
    tenant: Annotated[str, typer.Option(help="Only streams of this tenant.")] = "",
    route: Annotated[str, typer.Option(help="Only streams of this route.")] = "",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another setting than the service's: arl, page_arl, reference, min_reference, max_reference, "
            "clear_after, seen, or a setting's whole name. Repeat for several.",
        ),
    ] = None,
    near: Annotated[
        int | None,
        typer.Option(min=0, help="Events that two signals may be apart to be one; clear_after unless given."),
    ] = None,
    change: Annotated[
        str,
        typer.Option(
            help="When the change began (ISO 8601, in UTC, or an age): says how much earlier it would have been found, and "
            "at how many more false alarms, which are those before it."
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Run the drift bank over a range of the log again: what would have fired, when, against what did.

    Reads only: no offset, state or signal of the service changes. Two replays of one range under one setting print the
    same sha256.
    """
    first, end = span(since, until)
    change_us = microseconds("--change", change) if change else None
    require_one_thread()
    try:
        from weir.cli.replay_run import Asked, plan, run
        from weir.cli.replay_settings import base, changed
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise CliError(ExitCode.NOT_READY, "a replay computes with numpy", "pip install 'weir[drift]'") from error

    settings = changed(base(), set_ or [])
    near_events = settings.bank.clear_after_events if near is None else near
    asked = Asked(first, end, tenant, route, settings, near_events, change_us)
    features = plan(asked)
    with _progress(sum(one.count for one in features)) as progress:
        document = {"from": since, "to": until, **run(asked, features, progress)}
    emit_json(document) if json else _print(document)


@contextmanager
def _progress(messages: int) -> Iterator[Progress]:
    """A bar on standard error while a person looks on."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("replaying", total=messages)
        yield lambda count: bar.advance(task, count)


def _print(document: dict[str, Any]) -> None:
    source, settings = document["source"], document["settings"]
    offsets = ", ".join(f"{one['partition']}: {one['from_offset']}-{one['to_offset']}" for one in source["partitions"])
    emit_text(f"{source['messages']} messages of {source['topic']} (partition: offsets {offsets})")
    emit_text("settings       " + ", ".join(f"{name} {value:g}" for name, value in settings.items()))
    if document["streams"]:
        emit_text("")
        emit_table([_stream_row(*pair) for pair in zip(document["streams"], document["service"], strict=True)], STREAM)
    if document["comparison"]:
        emit_text("")
        emit_table([_comparison_row(row) for row in document["comparison"]], COMPARISON)
    emit_text("")
    for verdict in document["verdicts"]:
        emit_text(f"verdict        {verdict['tenant']}/{verdict['route']}, {verdict['in_words']}")
    for reason, count in source["refused"].items():
        emit_text(f"refused        {count} messages: {reason}")
    emit_text(f"repeated       {document['repeated_events']} events came again and were not counted")
    emit_text(f"elsewhere      {document['service_signals_elsewhere']} signals of the service are about other events")
    emit_text("computed with  " + ", ".join(f"{name} {value}" for name, value in document["computed_with"].items()))
    emit_text(f"output sha256  {document['output_sha256']}")
    emit_text(f"sha256         {document['sha256']}")


STREAM = ("tenant", "route", "events", "phase", "warmed_at_event", "warmed_at", "reference", "service_reference")
COMPARISON = ("route", "state", "level", "verdict", "would_have", "did", "part", "statistic", "threshold", "time")


def _stream_row(stream: dict[str, Any], service: dict[str, Any]) -> dict[str, object]:
    warmed_us = stream["warmed_at_us"]
    return {
        **stream,
        "phase": stream["state"],
        "warmed_at_event": "-" if warmed_us is None else stream["warmed_at_event"],
        "warmed_at": "-" if warmed_us is None else written(warmed_us),
        "reference": _short(stream["reference_digest"]),
        "service_reference": _service_reference(service),
    }


def _service_reference(service: dict[str, Any]) -> str:
    if service["has_same_reference"]:
        return "the same"
    digests = service["reference_digests"]
    return f"another: {', '.join(map(_short, digests))}" if digests else "unknown: it signalled nothing here"


def _comparison_row(row: dict[str, Any]) -> dict[str, object]:
    shown = row["would_have"] or row["did"]
    return {
        **row,
        "would_have": "-" if row["would_have"] is None else f"event {row['would_have_at_event']:,}",
        "did": "-" if row["did"] is None else f"event {row['did_at_event']:,}",
        "part": shown["part"],
        "statistic": shown["statistic"] if shown["part"] else "",
        "threshold": shown["threshold"] if shown["part"] else "",
        "time": written(shown["event_time_us"]),
    }


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12] or "-"
