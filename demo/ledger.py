"""What the clients were told: every acknowledged call and every refused one, counted by client."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from demo.answers import Answer, Outcome, Refusal


@dataclass(slots=True)
class Ledger:
    """Outcomes in order of arrival. What the clients saw; what the store holds is read from the store."""

    answers: list[Answer] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def note(self, outcome: Outcome) -> None:
        """Write an outcome down."""
        if isinstance(outcome, Answer):
            self.answers.append(outcome)
        else:
            self.refusals.append(outcome)

    @property
    def accepted(self) -> int:
        """Calls whose client got the whole answer."""
        return len(self.answers)

    def by_client(self) -> Counter[str]:
        """Acknowledged calls per client."""
        return Counter(answer.client for answer in self.answers)


@dataclass(frozen=True, slots=True)
class StoredCall:
    """Ids of one row of the read view of ended calls."""

    request_id: str
    client_request_id: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """Clients and store compared: acknowledged calls found in the read view, lost ones, and rows beyond one per call."""

    accepted: int
    stored: int
    duplicates_visible: int
    lost_ids: tuple[str, ...]

    @property
    def lost(self) -> int:
        """Acknowledged calls that the read view does not hold."""
        return len(self.lost_ids)


def accounts_of(answers: list[Answer], rows: list[StoredCall]) -> Accounts:
    """Compare acknowledged calls with rows of the read view, by Weir's id where the client showed it, else by its own.

    Cost: linear. A row of a call that was never acknowledged (refused, or another client's) counts for nothing.
    """
    by_request = Counter(row.request_id for row in rows)
    by_client_request = Counter(row.client_request_id for row in rows if row.client_request_id)
    found = {_id(answer): _rows_of(answer, by_request, by_client_request) for answer in answers}
    return Accounts(
        accepted=len(answers),
        stored=sum(1 for count in found.values() if count),
        duplicates_visible=sum(count - 1 for count in found.values() if count > 1),
        lost_ids=tuple(name for name, count in found.items() if not count),
    )


def _id(answer: Answer) -> str:
    return answer.request_id or answer.ask.client_request_id


def _rows_of(answer: Answer, by_request: Counter[str], by_client_request: Counter[str]) -> int:
    return by_request[answer.request_id] if answer.request_id else by_client_request[answer.ask.client_request_id]
