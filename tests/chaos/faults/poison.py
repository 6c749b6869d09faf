"""Messages that nobody can read: one in a hundred, and all of them because the deploy is bad."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import replace
from functools import partial

from chaos.arena import Arena, arena
from harness.accounts.ledger import Row
from harness.kafka.load import TOPIC
from harness.stack.running_stack import RunningStack
from harness.stack.service_process import status_of
from harness.waiting import NOTICED_WITHIN_S, RECOVER_WITHIN_S, eventually, is_reached, lasts
from weir.cli.stack.layout import repository

GOOD_BETWEEN = 99
IN_A_ROW_MAX = 25
"""Dead letters in a row before the consumer stops, in this suite."""

LIMITED = {"WEIR_DEAD_LETTERS_IN_A_ROW_MAX": str(IN_A_ROW_MAX)}

TAKES_NOTHING = {**LIMITED, "WEIR_MESSAGE_BYTES_MAX": "16"}
"""The bad deploy: a sink to which every message is too large."""

HALTED = "weir_consumer_halted"
STAYS_S = 3.0
"""Seconds in which a stopped consumer must not move. Chosen: fifteen flushes."""


def some(stack: RunningStack, times: int) -> Row:
    """One message in a hundred is bad: it is put aside, the others are stored.

    A range holds more bad ones than the limit allows in a row, with good ones between them: that stops nothing.
    """
    with arena(stack, "poison", LIMITED, is_from_now=True) as field:
        where = f"consumer_group = '{field.store.group}' AND topic = '{TOPIC}'"
        before = field.store.count("v_dead_letters", where)
        for _ in range(times):
            field.load.send(GOOD_BETWEEN)
            field.load.send_poison()
        row = field.row("poison, 1 message in 100", times)
        is_reached(lambda: field.store.count("v_dead_letters", where) - before >= times)
        dead = field.store.count("v_dead_letters", where) - before
        return replace(row, acknowledged=row.acknowledged + times, dead_lettered=dead)


def all_of_them(stack: RunningStack, events: int) -> Row:
    """A deploy that can read nothing stops itself, not ready, and moves no further; a good one goes on from there."""
    with arena(stack, "deploy", is_from_now=True) as field:
        field.load.send(events // 2)
        field.until_closed()
        field.store.sink.kill(signal.SIGTERM)
        field.load.send(events // 2)
        since_us = time.time_ns() // 1_000
        field.store.sink.start(**TAKES_NOTHING)
        eventually(lambda: field.metric(HALTED) > 0, within_s=NOTICED_WITHIN_S, what="the sink stopped by its limit")
        problems = _stays_stopped(field)
        dead = _dead_letters(field)
        field.store.sink.kill(signal.SIGTERM)
        field.store.sink.start()
        field.store.sink.until_ready()
        _put_back(field, dead, since_us)
        row = field.row("poison, every message (bad deploy)", 1)
        note = f"stopped after {dead} dead letters, not ready; they were put back, the rest read again"
        return replace(row, note=note, problem="; ".join(problems))


def _stays_stopped(field: Arena) -> list[str]:
    before = field.metric("weir_dead_letters_total")
    lasts(STAYS_S)
    problems = [] if field.metric("weir_dead_letters_total") == before else ["it went on dead-lettering"]
    return problems if status_of(f"{field.store.sink.url}/readyz") == 503 else [*problems, "it was ready"]


def _dead_letters(field: Arena) -> int:
    return int(field.metric(f'weir_dead_letters_total{{group="{field.store.group}"'))


def _put_back(field: Arena, dead: int, since_us: int) -> None:
    """Replay what the bad deploy put aside, of whatever topic it met first, as an operator does after the fix."""
    where = f"consumer_group = '{field.store.group}' AND event_time_us >= {since_us}"
    stored = partial(field.store.count, "v_dead_letters", where)
    eventually(lambda: stored() >= dead, within_s=RECOVER_WITHIN_S, what=f"{dead} dead letters in the store")
    event_ids = [str(event_id) for (event_id,) in field.store.sql(f"SELECT event_id FROM v_dead_letters WHERE {where}")]
    done = subprocess.run(
        [str(repository() / ".venv" / "bin" / "weir"), "dlq", "replay", *event_ids, "--json"],
        # Asked of the sink under test: in full, the stack's own is stopped by now.
        env={
            "WEIR_HOME": str(field.stack.home),
            "WEIR_LINEAGE_URL": field.store.sink.url,
            "WEIR_HTTP_TOKEN": field.stack.http_token,
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    replayed = json.loads(done.stdout)["replayed"]
    assert len(replayed) == dead, f"{len(replayed)} of {dead} dead letters were put back: {replayed}"
