"""A rule is edited again and again while it fires, and alerts is killed in between: no alert ends that still holds."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import yaml
from confluent_kafka import Producer

from harness.accounts.ledger import Row
from harness.kafka.log_reader import events_of
from harness.stack.running_stack import RunningStack
from harness.waiting import is_reached
from weir.cli.stack.layout import repository
from weir.events import AlertChanged, OpsSignalled, OpsState, encode_body, frame, named_id
from weir.runtime.clock import now_us

RULE, NAME, SOURCE = "chaos-edited", "chaos_edited", "chaos/edited-rule"
SUBJECTS = 5
"""Series that fire; a handful, because the editing is what is tested."""


def edited_while_firing(stack: RunningStack, edits: int) -> Row:
    """Signals raise alerts; the rule gets `edits` versions, alerts is killed after every second one; signals end them."""
    life = now_us()
    apply_edition(stack, 0)
    is_reached(lambda: version_in_force(stack) == summary(0))
    send(stack, life, "raised")
    is_fired = is_reached(lambda: states(stack)["firing"] == SUBJECTS)
    for number in range(1, edits + 1):
        apply_edition(stack, number)
        if number % 2 == 0:
            stack.kill("alerts", signal.SIGKILL)
            stack.until_ready("alerts")
        is_reached(lambda number=number: version_in_force(stack) == summary(number))  # type: ignore[misc]  # bound now
    start_s = time.monotonic()
    is_held = states(stack) == Counter({"firing": SUBJECTS})
    early = [event for event in changes(stack, life) if event.state == "resolved"]
    send(stack, life, "cleared")
    is_ended = is_reached(lambda: states(stack) == Counter({"resolved": SUBJECTS}))
    is_reached(lambda: stored(stack, life)[1] == 2 * SUBJECTS)
    is_reached(lambda: len(changes(stack, life)) >= 2 * SUBJECTS)  # the log hears of a state after the page does
    notified = Counter(event.state for event in changes(stack, life))
    rows, distinct = stored(stack, life)
    problems = [] if is_fired else ["the rule never fired"]
    problems += [] if is_held else [f"after the edits: {dict(states(stack))}"]
    problems += [f"{len(early)} alerts resolved by an edit"] if early else []
    problems += [] if is_ended else ["the end was not heard"]
    problems += (
        [] if notified == {"firing": SUBJECTS, "resolved": SUBJECTS} else [f"changes notified: {dict(notified)}"]
    )
    return Row(
        "rule edited while firing",
        edits,
        2 * SUBJECTS,
        distinct,
        duplicates=rows - distinct,
        recovery_s=time.monotonic() - start_s,
        note="every alert fired once and ended once, when its signal did",
        problem="; ".join(problems),
    )


def apply_edition(stack: RunningStack, number: int) -> None:
    spec = {
        "source": "ops-signals",
        "match": {"name": NAME},
        "severity": ("page", "warn")[number % 2],
        "labels": {"edition": str(number)},
        "group_by": ["name"],
        "annotations": {"summary": summary(number)},
        "receivers": [],
    }
    file = Path(stack.home) / "chaos-rule.yaml"
    # Versions of an earlier run may be there: a version's name is its content's.
    version = f"{number}-{now_us()}"
    file.write_text(
        yaml.safe_dump({"kind": "rule", "name": RULE, "version": version, "aliases": ["prod"], "spec": spec})
    )
    command = [str(repository() / ".venv" / "bin" / "weir"), "apply", "-f", str(file), "--author", "chaos"]
    environment = {"WEIR_HOME": str(stack.home), "PATH": "/usr/bin:/bin"}
    applied = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert applied.returncode == 0, applied.stdout + applied.stderr


def summary(number: int) -> str:
    return f"edition {number}"


def send(stack: RunningStack, life: int, state: OpsState) -> None:
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap})
    schema_id = stack.schema_id("ops-signals")
    for number in range(SUBJECTS):
        seq = number + (SUBJECTS if state == "cleared" else 0)
        event = OpsSignalled(
            event_id=named_id(life, f"{SOURCE} {life} {seq}"),
            source=SOURCE,
            boot_epoch=life,
            seq=seq,
            tenant="demo",
            trace_id="",
            span_id="",
            parent_span_id="",
            event_time_us=now_us(),
            name=NAME,
            subject=f"series-{number}",
            state=state,
            value=1.0,
            threshold=0.0,
            explanation=json.dumps(state),
        )
        producer.produce("ops-signals", key=event.subject, value=frame(schema_id, encode_body(event)))
    assert producer.flush(30) == 0


def version_in_force(stack: RunningStack) -> str:
    rules = stack.get(stack.alerts_url, "/v1/rules")["items"]
    return next((str(rule["annotations"]["summary"]) for rule in rules if rule["name"] == RULE), "")


def states(stack: RunningStack) -> Counter[str]:
    return Counter(
        str(one["state"]) for one in stack.get(stack.alerts_url, "/v1/alerts")["items"] if one["rule"] == RULE
    )


def changes(stack: RunningStack, since_us: int) -> list[AlertChanged]:
    found = [event for _, _, event in events_of(stack, "alerts") if isinstance(event, AlertChanged)]
    return [event for event in found if event.rule == RULE and event.event_time_us >= since_us]


def stored(stack: RunningStack, life: int) -> tuple[int, int]:
    where = f"source = '{SOURCE}' AND boot_epoch = {life}"
    ((rows, distinct),) = stack.sql(f"SELECT count(), uniqExact(event_id) FROM v_ops_signals WHERE {where}")
    return int(rows), int(distinct)
