"""Culprits: a message whose handling ends the process time after time is put aside, instead of stopping its group for ever.

The invariant: a message that a handler cannot take ends as one dead letter after a few restarts of the process. An error that
nobody foresaw ends the process, because the state may be half changed; which message it was is written down first, so
that the next process, with its state as it was saved, knows it. Only errors about values count: what the disk, the memory or
the broker refuse says nothing against a message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from weir.events import InvalidEvent
from weir.events.log import RawMessage
from weir.runtime.clock import now_us
from weir.runtime.errors import TooManyRejects
from weir.runtime.files.durable import private_folder, replace_file
from weir.runtime.files.state_file import read_state
from weir.runtime.telemetry.logs import logger

OF_VALUES = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RecursionError)
"""Errors that a value in a message can raise."""

PROCESSES_MAX = 3
"""Processes that a message may end before it is put aside. Chosen: two in a row can be chance, three hardly."""

PUT_ASIDE_MAX = 5
"""Messages put aside within `WINDOW_US` before the group halts: then the deploy is bad, and not the messages. Arbitrary:
any number from 2 to about 10 would do; each costs PROCESSES_MAX processes."""

WINDOW_US = 3_600_000_000
"""An hour. Arbitrary: any time from ten minutes to a day would do; a bad deploy shows within minutes of its start."""

SUSPECTS_MAX = 64
"""Suspects that are remembered, the latest blamed of them: several partitions can hold a culprit each at one time. More than
the partitions of any group here, and small enough to be written at once."""

ERROR_CHARS_MAX = 200
"""Characters of the error's text that are kept."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """The message, or the batch, in flight when a process ended. lives: how many processes it ended, not
    counting those that something else ended."""

    topic: str
    partition: int
    first: int
    last: int
    since_us: int
    lives: int
    error: str

    def holds(self, message: RawMessage) -> bool:
        """Whether the message is of it. Of a single one the time is compared too: a topic made anew has the same offsets."""
        is_there = message.topic_partition == (self.topic, self.partition)
        is_of = is_there and self.first <= message.offset <= self.last
        return is_of and (self.first != self.last or message.timestamp_us == self.since_us)


@dataclass(frozen=True, slots=True)
class Known:
    """What the file holds. suspects: the latest blamed last, at most SUSPECTS_MAX. put_aside_us: times of the latest dead
    letters for this reason."""

    suspects: tuple[Suspect, ...] = ()
    put_aside_us: tuple[int, ...] = field(default=())


class Culprits:
    """Of one consumer group, in one file."""

    def __init__(self, file: Path) -> None:
        """file: made when the first process ends."""
        self._file = file
        self._known = read_state(file, _known, Known())

    def suspects(self, message: RawMessage) -> bool:
        """Whether the message was in flight when a process ended: it is handled alone then."""
        return bool(self._known.suspects) and any(one.holds(message) for one in self._known.suspects)

    def check(self, message: RawMessage) -> None:
        """Raises InvalidEvent("handler_error") for a message that ended too many processes, TooManyRejects when many did."""
        suspect = self._single(message)
        if suspect is None or suspect.lives < PROCESSES_MAX:
            return
        lately = self._lately()
        if len(lately) >= PUT_ASIDE_MAX:
            raise TooManyRejects(
                f"{len(lately)} messages were put aside within an hour because each ended the process {PROCESSES_MAX} times,"
                f" and the next is {suspect.topic}/{suspect.partition}/{suspect.first}: {suspect.error}; fix the deploy"
            )
        raise InvalidEvent("handler_error", f"it ended the process {suspect.lives} times: {suspect.error}")

    def blame(self, messages: Sequence[RawMessage], error: Exception) -> None:
        """Remember what was in flight when the process ends because of `error`. A file that cannot be written is no
        second error: the message comes again all the same.
        """
        if not isinstance(error, OF_VALUES):
            return
        first, last = messages[0], messages[-1]
        before = [one for one in self._known.suspects if one.holds(first) and one.holds(last)]
        lives = 1 + max((one.lives for one in before), default=0)
        said = f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX]
        suspect = Suspect(first.topic, first.partition, first.offset, last.offset, first.timestamp_us, lives, said)
        logger().error("handler_failed", topic=first.topic, partition=first.partition, offset=first.offset, lives=lives)
        others = [one for one in self._known.suspects if one not in before]
        try:
            self._keep(replace(self._known, suspects=(*others, suspect)[-SUSPECTS_MAX:]))
        except OSError as refused:
            logger().error("culprit_not_kept", file=str(self._file), error=str(refused))

    def settle(self, message: RawMessage) -> None:
        """The message is a dead letter now. Raises OSError when that cannot be written down."""
        suspect = self._single(message)
        if suspect is not None:
            others = tuple(one for one in self._known.suspects if one != suspect)
            self._keep(Known(others, (*self._lately(), now_us())))

    def _single(self, message: RawMessage) -> Suspect | None:
        found = (one for one in self._known.suspects if one.first == one.last and one.holds(message))
        return next(found, None) if self._known.suspects else None

    def _lately(self) -> tuple[int, ...]:
        return tuple(at_us for at_us in self._known.put_aside_us if at_us > now_us() - WINDOW_US)

    def _keep(self, known: Known) -> None:
        self._known = known
        private_folder(self._file.parent)
        replace_file(self._file, json.dumps(asdict(known)).encode())


def _known(content: bytes) -> Known:
    document = json.loads(content)
    if "suspect" in document:  # written before several were kept
        document["suspects"] = [document["suspect"]] if document["suspect"] else []
    suspects = tuple(Suspect(**one) for one in document["suspects"])
    return Known(suspects[-SUSPECTS_MAX:], tuple(int(at_us) for at_us in document["put_aside_us"]))
