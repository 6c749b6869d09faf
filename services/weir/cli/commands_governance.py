"""Commands for the governance log: export it, and verify an exported file offline against a hash that was kept elsewhere."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weir.cli.output import CliError, ExitCode, Json, emit, say

if TYPE_CHECKING:
    from weir.events import GovernanceRecorded


TOPIC = "governance-log"

MESSAGE_BYTES_MAX = 16_777_216
"""Longest message that is read, bytes: the topic's own limit (schemas/topics/governance-log.yaml)."""


def governance_export(
    file: Annotated[Path, typer.Argument(help="File to write: one record a line, in the order of the chain.")],
    json: Json = False,
) -> None:
    """Write the governance log to a file, and print its last hash: keep that where nobody who can change the log can.

    A record that came twice is written once; a message that is no record is counted on standard error.
    """
    records: dict[str, GovernanceRecorded] = {}
    unreadable = 0
    for record in _records_of_the_log():
        if record is None:
            unreadable += 1
        else:
            records.setdefault(record.event_id, record)
    lines = [json_module.dumps(record.as_record(), ensure_ascii=False, sort_keys=True) for record in records.values()]
    file.write_text("".join(f"{line}\n" for line in lines))
    if unreadable:
        say(f"{unreadable} messages of {TOPIC} are no records and were left out")
    last = list(records.values())[-1].record_hash if records else ""
    emit(
        {"file": str(file), "records": len(records), "unreadable": unreadable, "last_hash": last},
        f"{len(records)} records in {file}; last hash {last}",
        json,
    )


def governance_verify(
    file: Annotated[Path, typer.Argument(help="What `weir governance export` wrote.", exists=True, dir_okay=False)],
    anchor: Annotated[
        str,
        typer.Option(help="A hash that an earlier export printed and somebody kept elsewhere; must be in the file."),
    ] = "",
    json: Json = False,
) -> None:
    """Verify an exported governance log without any service. Exit code 5 where it was tampered with, and at which line.

    The chain finds a record that was changed, removed, inserted or moved. Only the anchor finds a log whose end was cut
    off, or that was written anew as a whole.
    """
    from weir.registry.core.governance import first_broken

    records = list(_records_of(file))
    broken = first_broken(records)
    hashes = [record.record_hash for record in records]
    problem = ""
    if broken is not None:
        problem = f"line {broken + 1} does not follow from the line before: changed, removed, inserted or moved"
    elif anchor and anchor not in hashes:
        problem = f"no record has the anchored hash {anchor}: the log was cut before it, or written anew"
    if problem:
        raise CliError(
            ExitCode.DENIED, f"{file}: {problem}", "compare with the copies in Kafka and in v_governance_log"
        )
    emit(
        {"records": len(records), "last_hash": hashes[-1] if hashes else "", "anchored": bool(anchor)},
        f"{len(records)} records, the chain holds{' and leads to the anchor' if anchor else ''}",
        json,
    )


def _records_of_the_log() -> Iterator[GovernanceRecorded | None]:
    """Records in the order of the log, which has one partition; None for a message that is none."""
    from weir.cli.log_decoder import decoder
    from weir.cli.log_range import ranges, values
    from weir.cli.moments import EARLIEST, LATEST
    from weir.events import GovernanceRecorded, InvalidEvent

    with decoder(MESSAGE_BYTES_MAX) as decode:
        for one in ranges(TOPIC, EARLIEST, LATEST):
            for value in values(one):
                try:
                    event = decode(TOPIC, value)
                except InvalidEvent:
                    yield None
                else:
                    yield event if isinstance(event, GovernanceRecorded) else None


def _records_of(file: Path) -> Iterator[GovernanceRecorded]:
    from weir.events import GovernanceRecorded

    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            yield GovernanceRecorded.from_record(json_module.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise CliError(ExitCode.DENIED, f"{file}: line {number} is no record: {error!r}") from error
