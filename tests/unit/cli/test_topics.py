"""Topics of a broker that has just started: it answers before its controller knows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import NodeNotReadyError

from weir.cli.stack import topics
from weir.cli.stack.topics import create_topics
from weir.events import TOPICS

EVERY = [{"topic": name, "partitions": [{}] * topic.partitions} for name, topic in TOPICS.items()]


def broker(refusals: int) -> Callable[..., Any]:
    """What stands for aiokafka's client: nobody can be asked so many times, then all topics are there."""

    class Client:
        left = refusals

        async def start(self) -> None:
            """Connected."""

        async def close(self) -> None:
            """Gone."""

        async def describe_topics(self) -> list[dict[str, Any]]:
            if Client.left:
                Client.left -= 1
                raise NodeNotReadyError("Attempt to send a request to node which is not ready (node id None).")
            return EVERY

    return lambda **_: Client()


def test_a_broker_that_is_not_registered_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "AIOKafkaAdminClient", broker(refusals=3))

    assert create_topics("127.0.0.1:9092") == []


def test_a_broker_that_is_never_registered_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "AIOKafkaAdminClient", broker(refusals=10**9))
    monkeypatch.setattr(topics, "REGISTERED_S", 0.0)

    with pytest.raises(NodeNotReadyError):
        create_topics("127.0.0.1:9092")
