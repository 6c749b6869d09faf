"""One question asked and what came back, as the client saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from demo.traffic.records import Question


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to be asked: `number` is its place in the order of sending, from 1."""

    number: int
    question: Question

    @property
    def client_request_id(self) -> str:
        """The id that the demo gives the call where the client can send one."""
        return f"demo-{self.number:05}-{self.question.id}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledged call: the client got the whole answer and no error. Times are monotonic seconds.

    `request_id` is Weir's own id of the call; empty where the stock client does not show response metadata (the
    synchronous Triton client), and then the call is known by `ask.client_request_id`.
    """

    ask: Ask
    client: str
    text: str
    request_id: str
    sent_s: float
    answered_s: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that ended in an error: the client's own words."""

    ask: Ask
    client: str
    error: str
    sent_s: float


Outcome = Answer | Refusal


class Asker(Protocol):
    """A stock client that asks one question and waits for the whole answer. Safe to call from several threads."""

    name: str

    def ask(self, ask: Ask) -> Outcome:
        """Ask; an error of the call is a Refusal, never an exception."""
