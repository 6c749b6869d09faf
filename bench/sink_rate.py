"""How many events a second one core takes from Kafka into ClickHouse: the lineage service alone against a backlog.

The service runs with an empty store and nothing else to do; a backlog is written, and the CPU time that its process
uses until every event is visible is divided by the number of events. The baseline is a raw confluent consumer over the
same messages in the same run, which decodes and stores nothing: no sink on this client can be faster.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import psutil

from harness.stack.running_stack import RunningStack

from .events import TENANT, TOPIC, backlog, produce
from .results import Result

EVENTS = 20_000
LOOK_EVERY_S = 0.25
"""Seconds between two counts; each costs the service a query. Arbitrary: any value from 0.1 to 1 would do."""
DEADLINE_S = 120.0
"""Seconds for all events. Arbitrary: any value from 30 to 600 would do; they take some seconds."""
COUNT = f"SELECT count() AS stored FROM v_inference_responses WHERE tenant = '{TENANT}'"


def sink_rate(stack: RunningStack, lineage_pid: int) -> list[Result]:
    """Events a second on one core, and the ratio to the raw consumer. Raises TimeoutError when events stay out."""
    bootstrap, messages = stack.kafka_bootstrap, backlog(stack, EVENTS)
    process = psutil.Process(lineage_pid)
    before_s, start_s = _cpu_s(process), time.monotonic()
    produce(bootstrap, messages)
    _until_stored(stack)
    wall_s, cpu_s = time.monotonic() - start_s, _cpu_s(process) - before_s
    raw_us = _raw_consumer_us(bootstrap)
    sink_us = cpu_s * 1e6 / EVENTS
    size = sum(len(value) for _, value in messages) // EVENTS
    return [
        Result(
            "sink, events a second on one core", 1e6 / sink_us, "events/s", "raw confluent consumer, same messages",
            1e6 / raw_us, raw_us / sink_us, f"{EVENTS} ended calls of {size} bytes from a backlog",
            f"CPU time of the lineage process: {sink_us:.1f} us an event; all visible after {wall_s:.1f} s",
        )
    ]  # fmt: skip


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _until_stored(stack: RunningStack) -> None:
    pause, end_s, stored = threading.Event(), time.monotonic() + DEADLINE_S, 0
    while stored < EVENTS:
        if time.monotonic() > end_s:
            raise TimeoutError(f"{stored} of {EVENTS} events stored within {DEADLINE_S:g} s")
        pause.wait(LOOK_EVERY_S)
        stored = int(stack.sql(COUNT)[0][0])


def _raw_consumer_us(bootstrap: str) -> float:
    command = [sys.executable, "-m", "bench.raw_consumer", bootstrap, TOPIC, str(EVENTS)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
