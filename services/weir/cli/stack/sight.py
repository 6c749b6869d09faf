"""Sight: one look at a stack's folder, at its locks, its supervisor and its living processes."""

from __future__ import annotations

from dataclasses import dataclass

from weir.cli.stack.layout import Layout
from weir.cli.stack.members import SUPERVISOR, Member, is_held, members
from weir.cli.stack.record import UnreadableRecord, read_record
from weir.cli.stack.state import Facts, State, explained, state_of
from weir.cli.stack.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look found."""

    place: Layout
    facts: Facts
    members: tuple[Member, ...]

    @property
    def state(self) -> State:
        """The state it shows."""
        return state_of(self.facts)

    @property
    def explained(self) -> tuple[str, str]:
        """What is so, and the command that leads on."""
        return explained(self.facts, str(self.place.home))

    @property
    def instances(self) -> set[str]:
        """Ids of the starts that living processes belong to; more than one only while one start ends."""
        return {member.instance for member in self.members if member.instance}


def look(place: Layout) -> Sight:
    """Look once; nothing is changed, and no file is believed about what lives."""
    found = tuple(members(place))
    facts = Facts(
        is_start_held=is_held(place.start_lock),
        is_stack_held=is_held(place.stack_lock),
        is_answered=Supervisor(place).answers(),
        is_completed=_is_completed(place),
        live=tuple(sorted({member.name for member in found if member.name != SUPERVISOR})),
    )
    return Sight(place, facts, found)


def _is_completed(place: Layout) -> bool:
    try:
        record = read_record(place)
    except UnreadableRecord:
        return False
    return record is not None and record.ready_seconds is not None
