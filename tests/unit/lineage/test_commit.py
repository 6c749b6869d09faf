"""A commit is the broker's answer: taken, refused, or none in time; and it polls until then, so a rebalance can go on."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from weir.lineage.sink import commit
from weir.lineage.sink.commit import Commits, MembershipLost
from weir.lineage.sink.core.client_call import ClientCall

pytestmark = pytest.mark.capability("X1")

Answer = tuple[KafkaError | None, KafkaError | None]
"""Of the commit, and of its partition."""


class Place:
    """A partition as the client's callback gives it."""

    topic, partition = "spans", 3

    def __init__(self, error: KafkaError | None) -> None:
        self.error = error


class Client:
    """The part of the Kafka client that a commit meets: the callback comes in a poll, as in librdkafka."""

    def __init__(self, commits: Commits, answer: Answer | None, polls: int = 3) -> None:
        self._commits, self._answer, self._polls = commits, answer, polls
        self.asked: list[tuple[int, bool]] = []
        self.paused: list[str] = []

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        self.asked.append((offsets[0].offset, asynchronous))

    def poll(self, _: float) -> Message | None:
        self._polls -= 1
        if self._polls <= 0 and self._answer is not None:
            error, of_place = self._answer
            self._commits.take_answer(error, [Place(of_place)])  # type: ignore[list-item]  # the client's own cannot be made with an error
        return None

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition("spans", 3)]

    def pause(self, _: Any) -> None:
        self.paused.append("pause")

    def resume(self, _: Any) -> None:
        self.paused.append("resume")


def committed(answer: Answer | None) -> Client:
    commits = Commits(ClientCall(60.0))
    client = Client(commits, answer)
    commits.commit(client, [TopicPartition("spans", 3, 17)], lambda _: None)
    return client


def test_a_commit_polls_until_the_broker_has_answered() -> None:
    client = committed((None, None))

    assert client.asked == [(17, True)]
    assert client.paused == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((KafkaError(KafkaError.ILLEGAL_GENERATION), None), "commit refused: .*generation"),
        ((None, KafkaError(KafkaError.FENCED_INSTANCE_ID)), "commit refused: spans/3: .*fenced"),
    ],
)
def test_a_refused_commit_gives_the_membership_up(answer: Answer, words: str) -> None:
    with pytest.raises(MembershipLost, match=f"(?i){words}"):
        committed(answer)


def test_a_commit_without_an_answer_gives_the_membership_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "QUICK_S", 0.0)
    monkeypatch.setattr(commit, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(commit, "ANSWER_S", 0.05)
    commits = Commits(ClientCall(60.0))
    client = Client(commits, None)

    with pytest.raises(MembershipLost, match="did not answer"):
        commits.commit(client, [TopicPartition("spans", 3, 17)], lambda _: None)

    assert client.paused == ["pause", "resume"]
