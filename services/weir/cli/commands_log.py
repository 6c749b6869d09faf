"""Commands that put messages back: dead letters after a fix, a range of the log into a consumer group."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import quote

import typer

from weir.capture.segment import GATEWAY_SPOOL, OTLP_SPOOL, SPOOLS
from weir.cli import client
from weir.cli.group_offsets import GroupOffsets, set_back, set_forward, wait_for
from weir.cli.log_messages import Message, Messages
from weir.cli.moments import microseconds
from weir.cli.output import CliError, ExitCode, Json, emit_json, emit_rows, emit_table, emit_text

Topic = Annotated[str, typer.Option(help="Only of this topic.")]
Reason = Annotated[str, typer.Option(help="Only with this reason, for example undecodable.")]
Group = Annotated[str, typer.Option(help="Only of this consumer group.")]

SERVICES: Mapping[str, str] = {
    "lineage": "lineage",
    "inference-features": "inference",
    "drift": "drift",
    "evaluator": "evaluator",
    "alerts": "alerts",
    "alerts-calls": "alerts",
}
"""Every consumer group of Weir, and the process of the embedded stack that is stopped for it."""


def dlq_list(
    topic: Topic = "",
    reason: Reason = "",
    group: Group = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 50,
    json: Json = False,
) -> None:
    """Dead letters, newest first."""
    answer = client.get("lineage", "/v1/dead-letters", topic=topic, reason=reason, consumer_group=group, limit=limit)
    emit_rows(
        answer, answer["items"], ("event_id", "topic", "partition", "offset", "consumer_group", "reason", "error"), json
    )


def dlq_show(event_id: str, json: Json = False) -> None:
    """One dead letter: why, from where, and the first bytes of its message as hex."""
    letter = client.get("lineage", f"/v1/dead-letters/{quote(event_id)}")
    if json:
        emit_json(letter)
        return
    for name in (
        "topic",
        "partition",
        "offset",
        "consumer_group",
        "reason",
        "error",
        "payload_bytes",
        "payload_sha256",
    ):
        emit_text(f"{name:16} {letter[name]}")
    emit_text(f"{'begins with':16} {base64.b64decode(letter['payload_base64'])[:64].hex(' ')}")


def dlq_replay(
    event_ids: Annotated[list[str] | None, typer.Argument(help="Dead letters by id.")] = None,
    topic: Topic = "",
    reason: Reason = "",
    group: Group = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 1_000,
    json: Json = False,
) -> None:
    """Write the messages of dead letters into their topics again, after what made them fail was fixed.

    A message goes into its topic, so every group that reads the topic gets it, also with --group; consumers know an event by
    its id, so it changes nothing for a group that had it. One that still cannot be handled becomes a dead letter again, at its
    new place, with the same bytes. Of dead letters with the same bytes the newest is written, so a message is written once a
    replay however often it was refused.
    """
    if not event_ids and not (topic or reason or group):
        raise CliError(ExitCode.USAGE, "say which dead letters: ids, or --topic, --reason, --group", "weir dlq list")
    left_out = 0
    if not event_ids:
        found = client.get("lineage", "/v1/dead-letters", topic=topic, reason=reason, consumer_group=group, limit=limit)
        messages_found = [one for one in found["items"] if one["topic"] not in SPOOLS]
        left_out = len(found["items"]) - len(messages_found)
        event_ids = _of_messages(messages_found)
    with Messages() as messages:
        replayed = [_replay(messages, event_id) for event_id in event_ids]
    if json:
        emit_json({"replayed": replayed, "left_out": left_out})
        return
    emit_text(f"{len(replayed)} messages written again")
    if left_out:
        emit_text(
            f"{left_out} are records of a spool, which cannot be: weir dlq list --topic {GATEWAY_SPOOL}, or --topic {OTLP_SPOOL}"
        )


def events_replay(
    group: Annotated[str, typer.Option(help=f"Consumer group that gets them again; of Weir: {', '.join(SERVICES)}.")],
    topic: Annotated[str, typer.Option(help="Topic of the range.")],
    since: Annotated[str, typer.Option(help="Time of the first message: ISO 8601 in UTC, or an age, as 24h.")],
    until: Annotated[
        str, typer.Option(help="Time of the first message that is not fed again; without it, up to where the group is.")
    ] = "",
    json: Json = False,
) -> None:
    """Feed a range of the log into a consumer group again.

    Idempotent: ids are derived and the store keeps one row of an event; drift passes over what its state has counted. On
    the embedded stack the group's service is stopped and started for it (inference serves no calls meanwhile), and a range
    with an end is waited for, since the group is then set to where it was. Elsewhere stop every instance first.
    """
    since_ms = microseconds("--since", since) // 1_000
    until_ms = microseconds("--until", until) // 1_000 if until else None
    if until_ms is not None and until_ms <= since_ms:
        raise CliError(ExitCode.INVALID, f"--since {since} is not before --until {until}; expected a range of the log")
    service = _service_of(group)
    if until_ms is not None and service is None:
        raise CliError(
            ExitCode.INVALID,
            f"--until needs a service of the embedded stack to stop, and none of its groups is {group!r} here",
            "leave --until out: what comes after the range is fed again too, which changes nothing",
        )
    offsets = GroupOffsets(group, topic)
    with _stop_for(service):
        moved = set_back(offsets, since_ms, until_ms)
    if until_ms is not None and moved:
        wait_for(offsets, moved)
        with _stop_for(service):
            set_forward(offsets, moved)
    rows: list[dict[str, Any]] = [
        {
            "topic": topic,
            "partition": one.partition,
            "from_offset": one.now_at,
            "to_offset": one.end,
            "was_at": one.was_at,
            "messages": one.end - one.now_at,
        }
        for one in moved
    ]
    if json:
        emit_json({"group": group, "moved": rows})
        return
    if rows:
        emit_table(rows, ("topic", "partition", "from_offset", "to_offset", "was_at", "messages"))
    emit_text(f"{sum(row['messages'] for row in rows)} messages are fed to {group} again")


def _of_messages(letters: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ids of the newest dead letter of each message. letters: newest first.

    Several groups refuse one message; and one that was written again and refused again lies at another place, with the same
    bytes, so with the same event.
    """
    newest: dict[tuple[str, str], str] = {}
    for letter in letters:
        newest.setdefault((letter["topic"], letter["payload_sha256"]), letter["event_id"])
    return list(newest.values())


def _replay(messages: Messages, event_id: str) -> dict[str, Any]:
    letter = client.get("lineage", f"/v1/dead-letters/{quote(event_id)}")
    origin = f"{letter['topic']}/{letter['partition']}/{letter['offset']}"
    if letter["topic"] in SPOOLS:
        raise CliError(
            ExitCode.INVALID,
            f"{event_id} is a record of a spool and no message of Kafka, so it cannot be written again",
            f"weir dlq show {event_id}",
        )
    message = messages.read(str(letter["topic"]), int(letter["partition"]), int(letter["offset"]))
    if message is None:
        message = _kept(letter, origin)
    digest = hashlib.sha256(message.value or b"").hexdigest()
    if digest != letter["payload_sha256"]:
        raise CliError(ExitCode.INVALID, f"the message at {origin} is another one now: SHA-256 {digest[:16]}...")
    messages.write(str(letter["topic"]), message, origin)
    return {"event_id": event_id, "from": origin, "bytes": len(message.value or b"")}


def _kept(letter: Any, origin: str) -> Message:
    if int(letter["kept_bytes"]) < int(letter["payload_bytes"]):
        raise CliError(
            ExitCode.NOT_FOUND,
            f"retention took {origin}, and the dead letter keeps {letter['kept_bytes']} of {letter['payload_bytes']} bytes",
        )
    key = base64.b64decode(letter["key_base64"])
    return Message(key or None, base64.b64decode(letter["payload_base64"]))


def _service_of(group: str) -> tuple[Any, str] | None:
    """The supervisor of the running stack and the group's service there; None elsewhere, where the broker checks."""
    from weir.cli.stack import StackError, open_stack

    try:
        return (open_stack().supervisor, SERVICES[group]) if group in SERVICES else None
    except StackError:
        return None


@contextmanager
def _stop_for(service: tuple[Any, str] | None) -> Iterator[None]:
    """A service of the embedded stack, stopped while its group's offsets move."""
    if service is None:
        yield
        return
    supervisor, name = service
    supervisor.stop(name)
    try:
        yield
    finally:
        supervisor.start(name)
