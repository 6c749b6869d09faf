"""Commands for alerts, their deliveries, silences and tests."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from weir.cli import client
from weir.cli.me import me
from weir.cli.moments import AGO, UNIT_S, microseconds, written
from weir.cli.output import CliError, ExitCode, Json, emit, emit_rows, emit_text
from weir.cli.rules_in_force import rules_not_in_force, why_not

TEST_WAIT_S = 15.0
"""Seconds a test is watched: the first tries of a delivery lie within them."""

LOOK_S = 0.2
"""Seconds between looks at a test that is on its way; five looks a second are no load."""

SUMMARY_CHARS = 60
"""Characters of a summary in the table: a sentence that says what is the case; `--json` has all annotations."""

HOLDING = ["pending", "firing"]
"""States of an alert whose condition holds."""

ALERT_COLUMNS = ("state", "severity", "alertname", "tenant", "route", "since", "summary", "fingerprint")
RULE_COLUMNS = ("rule", "source", "severity", "group_by", "receivers", "unknown_receivers")
READING_COLUMNS = ("rule", "group", "state", "measure", "value", "threshold", "calls", "calls_min", "window_end")
DELIVERY_COLUMNS = ("id", "receiver", "alertnames", "says", "queued_at", "state", "attempts", "error")
SILENCE_COLUMNS = ("id", "state", "matchers", "starts_at", "ends_at", "owner", "comment")


def alert_list(
    state: Annotated[str, typer.Option(help="Only this state: inactive, pending, firing or resolved.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Also inactive and resolved ones.")] = False,
    json: Json = False,
) -> None:
    """Alerts that hold (pending, firing), since when, and what they say; --json has their labels and annotations whole."""
    if state and all_:
        raise CliError(ExitCode.USAGE, "expected at most one of --state and --all")
    states = [state] if state else [] if all_ else HOLDING
    answer = client.get("alerts", "/v1/alerts", state=states)
    emit_rows(answer, [alert_row(one) for one in answer["items"]], ALERT_COLUMNS, json)


def alert_rules(json: Json = False) -> None:
    """Rules in force, whom they notify, and which of these receivers the receivers file lacks: nothing is sent to those.

    Below them are the rules that are stored and not in force.
    """
    answer = client.get("alerts", "/v1/rules")
    others = rules_not_in_force(answer)
    emit_rows({**answer, "not_in_force": others}, [rule_row(one) for one in answer["items"]], RULE_COLUMNS, json)
    for one in [] if json else others or []:
        emit_text(f"not in force: {why_not(one, answer['alias'])}")


def alert_readings(
    rule: Annotated[str, typer.Option(help="Only of this rule.")] = "",
    json: Json = False,
) -> None:
    """What rules over calls know now: of each group the value, whether the condition holds, and how many calls tell it."""
    answer = client.get("alerts", "/v1/readings", rule=rule)
    emit_rows(answer, [reading_row(one) for one in answer["items"]], READING_COLUMNS, json)


def alert_deliveries(state: str = "", json: Json = False) -> None:
    """Webhook deliveries with their attempts: of which alerts, whether they say firing or resolved, and when it was decided."""
    answer = client.get("alerts", "/v1/deliveries", state=state)
    emit_rows(answer, [delivery_row(one) for one in answer["items"]], DELIVERY_COLUMNS, json)


def alert_resend(delivery_id: str, json: Json = False) -> None:
    """Send a delivery again, a dead one included."""
    answer = client.send("alerts", "POST", f"/v1/deliveries/{delivery_id}/resend", {})
    emit(answer, f"delivery {delivery_id} is queued again", json)


def alert_test(
    receiver: Annotated[str, typer.Option(help="Send a test to this receiver.")] = "",
    rule: Annotated[str, typer.Option(help="Send a test of this rule to its receivers.")] = "",
    json: Json = False,
) -> None:
    """Send an alert that is marked as a test, and its end; exit 4 when it did not arrive in time."""
    if bool(receiver) == bool(rule):
        raise CliError(ExitCode.USAGE, "expected exactly one of --receiver and --rule")
    asked = client.send("alerts", "POST", "/v1/test", {"receiver": receiver} if receiver else {"rule": rule})
    found = _await_deliveries([one["id"] for one in asked["items"]])
    emit_rows({"items": found}, [delivery_row(one) for one in found], DELIVERY_COLUMNS, json)
    late = [one for one in found if one["state"] != "delivered"]
    if late:
        hint = "weir alert deliveries"
        raise CliError(ExitCode.NOT_READY, f"{len(late)} of {len(found)} did not arrive within {TEST_WAIT_S:g} s", hint)


def silence_add(
    matcher: Annotated[list[str], typer.Argument(help="label=value, != , =~ or !~; all must match.")],
    comment: Annotated[str, typer.Option(help="Why.")],
    duration: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 7d.")] = "",
    end: Annotated[str, typer.Option(help="Or until when: ISO 8601, UTC unless it says otherwise.")] = "",
    start: Annotated[str, typer.Option(help="From when on; now unless given.")] = "",
    owner: Annotated[str, typer.Option(help="Who answers for it; you unless given.")] = "",
    json: Json = False,
) -> None:
    """Tell nobody of alerts that match, until it ends."""
    if bool(duration) == bool(end):
        raise CliError(ExitCode.USAGE, "expected exactly one of --for and --end")
    body: dict[str, Any] = {"matchers": matcher, "comment": comment, "owner": owner or me("--owner")}
    body |= {"duration_s": _seconds(duration)} if duration else {"ends_at_us": microseconds("--end", end)}
    body |= {"starts_at_us": microseconds("--start", start)} if start else {}
    made = client.send("alerts", "POST", "/v1/silences", body)
    until = written(made["ends_at_us"])
    said = f"silence {made['id']} is {made['state']} until {until}; it matches {made['matching_alerts']} alerts that hold now"
    emit(made, said, json)


def silence_list(state: str = "", json: Json = False) -> None:
    """Silences: pending, active and expired ones."""
    answer = client.get("alerts", "/v1/silences", state=state)
    rows = [{**one, **{key: written(one[f"{key}_us"]) for key in ("starts_at", "ends_at")}} for one in answer["items"]]
    emit_rows(answer, rows, SILENCE_COLUMNS, json)


def silence_expire(
    silence_id: str,
    author: Annotated[str, typer.Option(help="Who ends it; you unless given.")] = "",
    json: Json = False,
) -> None:
    """End a silence now."""
    answer = client.send("alerts", "POST", f"/v1/silences/{silence_id}/expire", {"author": author or me()})
    emit(answer, f"silence {silence_id} is {answer['state']}", json)


def alert_row(alert: dict[str, Any]) -> dict[str, Any]:
    """An alert as a row of the table."""
    labels, summary = alert["labels"], alert["annotations"].get("summary", "")
    since_us = alert["pending_since_us"] if alert["state"] == "pending" else alert["starts_at_us"]
    return {
        "state": alert["state"] + (", silenced" if alert["silenced_by"] else ""),
        "severity": alert["severity"],
        "alertname": alert["rule"],
        "tenant": labels.get("tenant", ""),
        "route": labels.get("route", ""),
        "since": written(since_us) if since_us else "",
        "summary": summary if len(summary) <= SUMMARY_CHARS else summary[: SUMMARY_CHARS - 1] + "…",
        "fingerprint": alert["fingerprint"],
    }


def rule_row(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as a row of the table."""
    lists = {name: ", ".join(rule[name]) for name in ("group_by", "receivers", "unknown_receivers")}
    return {**rule, **lists, "rule": rule["name"]}


def reading_row(reading: dict[str, Any]) -> dict[str, Any]:
    """A reading as a row of the table. calls: those that say what is measured."""
    value = reading["value"]
    return {
        **reading,
        "group": ", ".join(f"{name}={label}" for name, label in reading["labels"].items()),
        "value": "" if value is None else f"{value:g}",
        "threshold": f"{reading['op']} {reading['threshold']:g}",
        "calls": reading["calls_known"],
        "window_end": written(reading["window_end_us"]) if reading["window_end_us"] else "",
    }


def delivery_row(delivery: dict[str, Any]) -> dict[str, Any]:
    """A delivery as a row of the table. says: whether it tells that alerts fire or that they are resolved."""
    return {**delivery, "says": delivery["status"], "queued_at": written(delivery["created_us"])}


def _await_deliveries(delivery_ids: list[str]) -> list[dict[str, Any]]:
    """The deliveries once none waits, or the time of a test is over."""
    end_s = time.monotonic() + TEST_WAIT_S
    while True:
        found = [client.get("alerts", f"/v1/deliveries/{one}") for one in delivery_ids]
        if all(one["state"] != "waiting" for one in found) or time.monotonic() >= end_s:
            return found
        time.sleep(LOOK_S)


def _seconds(text: str) -> int:
    found = AGO.fullmatch(text.strip())
    if found is None:
        raise CliError(ExitCode.INVALID, f"--for is {text!r}; expected a count and its unit, as 30m, 2h or 7d")
    return int(found[1]) * UNIT_S[found[2]]
