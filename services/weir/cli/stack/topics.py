"""Creating the topics that `schemas/topics` describes; existing ones are compared, never changed silently."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NodeNotReadyError, TopicAlreadyExistsError, for_code

from weir.events import TOPICS, Topic

REGISTERED_S = 30.0
"""Seconds a broker that answers may take until its controller knows it. Chosen: thirty times what it takes on a quiet machine."""

LOOK_S = 0.1
"""Seconds between two looks. Chosen: a start takes ten seconds, so nobody notices."""


class TopicsDiffer(ValueError):
    """A topic exists with other partitions than its definition says."""


def create_topics(bootstrap: str, *, replication: int = 1) -> list[str]:
    """Create what is missing; returns the names created. Raises TopicsDiffer, or KafkaError when no broker answers."""
    return asyncio.run(_create(bootstrap, replication))


async def _create(bootstrap: str, replication: int) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=10_000)
    await admin.start()
    try:
        existing = {item["topic"]: len(item["partitions"]) for item in await _described(admin)}
        wrong = {
            name: existing[name]
            for name, topic in TOPICS.items()
            if existing.get(name, topic.partitions) != topic.partitions
        }
        if wrong:
            raise TopicsDiffer(
                f"partitions differ from schemas/topics: {wrong}; re-create the topics or mend the definition"
            )
        missing = [topic for name, topic in TOPICS.items() if name not in existing]
        if missing:
            _check(await admin.create_topics([_new(topic, replication) for topic in missing]))
        return [topic.name for topic in missing]
    finally:
        await admin.close()


async def _described(admin: AIOKafkaAdminClient) -> list[dict[str, Any]]:
    """The topics there are. A broker that has just started answers before its controller names it as a broker: until then the
    client knows nobody to ask, looks again at each attempt, and says NodeNotReadyError."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + REGISTERED_S
    while True:
        try:
            topics: list[dict[str, Any]] = await admin.describe_topics()
        except NodeNotReadyError:
            if loop.time() > deadline_s:
                raise
            await asyncio.sleep(LOOK_S)
        else:
            return topics


def _new(topic: Topic, replication: int) -> NewTopic:
    configs = {
        "cleanup.policy": topic.cleanup_policy,
        "retention.ms": str(topic.retention_ms),
        "max.message.bytes": str(topic.max_message_bytes),
    }
    return NewTopic(topic.name, topic.partitions, replication, topic_configs=configs)


def _check(response: object) -> None:
    for name, code, *rest in response.topic_errors:  # type: ignore[attr-defined]  # a protocol struct of an untyped library
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise KafkaError(f"topic {name}: {error.__name__} {rest}")
