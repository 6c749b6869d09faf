"""The faust application under `weir.runtime.kafka.stream`: every setting that its promises rest on, with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import faust

COMMIT_S = 0.5
"""Seconds between commits of acknowledged offsets. Chosen: what is handled again after a kill stays small."""

BUFFER_MESSAGES = 64
"""Messages that wait in memory for an agent. Chosen: a feature envelope may have half a megabyte."""

SESSION_S = 10.0
"""Seconds without a heartbeat after which the broker gives a member's partitions away. Chosen: aiokafka's default."""

HEARTBEAT_S = 3.0
"""Seconds between heartbeats. Specified: at most a third of the session."""

Agent = Callable[[Any], Awaitable[None]]
"""Reads one faust stream for as long as the application runs."""


def application(
    bootstrap: str, group: str, instance: str, data_dir: Path, topics: Iterable[str], agent: Agent
) -> faust.App:
    """An application that is not started yet, with one agent a topic. Needs a running loop.

    bootstrap: host:port list, comma-separated. Messages stay bytes: decoding is not faust's business.
    """
    app = faust.App(
        group,
        broker=[f"kafka://{address.strip()}" for address in bootstrap.split(",")],
        loop=asyncio.get_running_loop(),
        datadir=str(data_dir),
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        # Topics are made from their declarations, never by who happens to read them first.
        topic_allow_declare=False,
        topic_disable_leader=True,
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        # A static member: a restarted process takes its partitions back at once, measured 2 s against 60 s.
        consumer_group_instance_id=f"{group}-{instance}",
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_commit_interval=COMMIT_S,
        stream_buffer_maxsize=BUFFER_MESSAGES,
        # The runner waits for the message in flight itself; faust would wait for all that are buffered.
        stream_wait_empty=False,
        key_serializer="raw",
        value_serializer="raw",
    )
    for name in topics:
        topic = app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        app.agent(topic, name=f"{group}-{name}", concurrency=1)(agent)
    app.finalize()
    return app
