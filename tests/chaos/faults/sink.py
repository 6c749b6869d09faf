"""The sink dies between insert and commit, is fenced, is too slow for its group, shares it, or loses the registry."""

from __future__ import annotations

import random
import signal
from functools import partial

from confluent_kafka import Consumer

from chaos.arena import ROWS, Arena, arena
from chaos.proxy import Proxy
from harness.accounts.ledger import Row
from harness.kafka.load import TOPIC
from harness.stack.running_stack import RunningStack
from harness.waiting import NOTICED_WITHIN_S, eventually, is_reached, lasts

REJOINED = "weir_lineage_rejoined_total"
POLL_INTERVAL_S = 10
"""Seconds between polls that the group allows the sink in this suite; the least there is."""

FROZEN_S = 15.0
"""Seconds a sink is frozen: its session is over by then."""


def killed(stack: RunningStack, times: int, events: int) -> Row:
    """`kill -9` of the sink at random instants while it inserts: between intent, insert and commit."""
    dice = random.Random(4)  # instants of kills, no secret
    settings = {"WEIR_LINEAGE_BATCH_MESSAGES_MAX": "200", "WEIR_LINEAGE_FLUSH_S": "0.05"}
    with arena(stack, "sink-killed", settings, is_from_now=True) as field:
        for _ in range(times):
            field.load.send(events // times)
            eventually(lambda: field.metric(ROWS) > 0, within_s=NOTICED_WITHIN_S, what="a first insert of this life")
            lasts(dice.uniform(0, 0.15))
            field.store.sink.kill()
            field.store.sink.start()
        return field.row("sink killed between insert and commit", times)


def owner_paused(stack: RunningStack, times: int) -> Row:
    """The sink is frozen past its session, and wakes: its partitions were taken from it."""
    with arena(stack, "paused") as field:
        for _ in range(times):
            field.load.send(2_000)
            field.store.sink.send(signal.SIGSTOP)
            field.load.send(2_000)
            lasts(FROZEN_S)
            field.store.sink.send(signal.SIGCONT)
        return field.row(f"sink frozen {FROZEN_S:.0f} s, past its session", times)


def rebalance_storm(stack: RunningStack, times: int) -> Row:
    """Another member joins the sink's group and leaves again, every two seconds."""
    with arena(stack, "storm") as field:
        sending = field.steadily(2_000 * times, 3 * times)
        for _ in range(times):
            stranger = Consumer(
                {
                    "bootstrap.servers": stack.kafka_bootstrap,
                    "group.id": field.store.group,
                    "partition.assignment.strategy": "cooperative-sticky",
                    "enable.auto.commit": False,
                    "log_level": 2,
                }
            )
            stranger.subscribe([TOPIC])
            stranger.poll(2)
            stranger.close()
            lasts(1)
        sending.join()
        return field.row("rebalance storm", times)


def registry_down(stack: RunningStack) -> Row:
    """The schema registry is away while the sink is started anew: the ids it knows go on."""
    with arena(stack, "registry") as field:
        field.load.send(1_000)
        field.until_closed()
        stack.stop("registry")
        try:
            field.load.send(1_000)
            field.store.sink.kill()
            field.store.sink.start()
            field.load.send(1_000)
            return field.row("schema registry down", 1)
        finally:
            stack.start("registry")
            stack.until_ready("registry")


def _is_fenced(field: Arena, before: float) -> bool:
    return field.metric(REJOINED) > before


def too_slow(stack: RunningStack, times: int) -> Row:
    """An insert lasts longer than the group waits for the sink: it is fenced, and its range is built once more."""
    settings = {"WEIR_LINEAGE_POLL_INTERVAL_S": str(POLL_INTERVAL_S)}
    # A slow server must not meet the whole log of the stack first: each of its ranges would last as long.
    with Proxy() as proxy, arena(stack, "too-slow", settings, proxy=proxy, is_from_now=True) as field:
        proxy.delay_s = POLL_INTERVAL_S * 2.0
        for _ in range(times):
            before = field.metric(REJOINED)
            proxy.mode = "slow"
            field.load.send(1_000)
            assert is_reached(partial(_is_fenced, field, before)), "the sink was never fenced"
            proxy.mode = "pass"
            field.load.send(1_000)
        return field.row("sink slower than its poll interval", times)
