"""Accounting: what the drain learns about numbers and open calls while it reads the spool.

    ledger, accounts = counted(ledger, records, has_corrupt=...)
    ledger, accounts = headed(ledger, heads)
    ledger, unended = closed(ledger, boot_epochs)

Records come in the order of their numbers. A hole between them is named by a gap record (shed), by a corrupt record
beside it (corrupt), or by nobody: then the audit shows it as missing. A call whose request was written and whose end
was not, by a service that is dead, is named here as `Unended`. Reading records again changes nothing.

Invariant: every number that an epoch used is accounted for or missing, also behind its last record (`headed`), and which
epoch is over follows from its segments, never from a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from weir.capture.gap import Gap
from weir.events import AccountKind
from weir.events.log import ProducerEpoch


class Opened(Protocol):
    """A call that has begun: what is kept of it until its end is read."""

    @property
    def request_id(self) -> str:
        """Names it among those of its epoch."""

    def bare(self) -> Opened:
        """What its end needs where its service died."""


class Numbered(Protocol):
    """A record as the ledger counts it."""

    @property
    def source(self) -> str:
        """Whose numbers it uses."""

    @property
    def boot_epoch(self) -> int:
        """Of the producer epoch that numbered it."""

    @property
    def seq(self) -> int:
        """Its first number."""

    @property
    def numbers_taken(self) -> int:
        """Numbers that it uses; 0 for a gap, which tells of numbers used before it."""

    @property
    def gap(self) -> Gap | None:
        """The numbers that were not recorded, for a gap record."""

    @property
    def begun(self) -> Opened | None:
        """What begins with it; its end is another record."""

    @property
    def ended(self) -> str:
        """The request id of what ends with it; empty for nothing."""

    def without_call(self) -> Numbered:
        """Its numbers, and nothing that begins or ends."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of numbers `first_seq` to `last_seq` of an epoch."""

    epoch: ProducerEpoch
    first_seq: int
    last_seq: int
    account: AccountKind
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EpochState:
    """One boot of one service, as far as its spool was read."""

    next_seq: int = 0
    announced_seq: int = 0
    """Numbers below this one were announced as accepted."""
    is_suspect: bool = False
    """Whether a corrupt record was met since the last good one."""
    open: Mapping[str, Opened] = field(default_factory=dict)
    """Calls without an end, by request id; at most as many as the service holds in flight. A shed end closes its call too."""


Ledger = Mapping[ProducerEpoch, EpochState]


@dataclass(frozen=True, slots=True)
class Unended:
    """A call that a dead service left open."""

    epoch: ProducerEpoch
    number: int
    """Counted from 0 over what the epoch left open, in the order of the request ids."""
    opened: Opened
    found_us: int
    """Start of the producer epoch that found it so, microseconds since 1970-01-01 UTC."""


def counted(ledger: Ledger, records: Iterable[Numbered], *, has_corrupt: bool) -> tuple[Ledger, list[Account]]:
    """The ledger after some records, and the accounts of holes on the way.

    has_corrupt: whether unreadable records stood among or after them.
    """
    after, accounts = dict(ledger), list[Account]()
    # Open calls of the epochs met here, copied once and not for each record.
    calls: dict[ProducerEpoch, dict[str, Opened]] = {}
    for record in records:
        key = ProducerEpoch(record.source, record.boot_epoch)
        epoch = after.get(key, EpochState())
        # A gap is reported though its numbers were passed: a head may have moved next_seq past them before the gap was written
        # (`headed`). Reported twice it does no harm: the audit counts a range once.
        if record.seq < epoch.next_seq and record.gap is None:
            continue
        if key not in calls:
            calls[key] = dict(epoch.open)
            epoch = replace(epoch, open=calls[key])
        if record.gap is not None:
            shed = Account(key, record.gap.first_seq, record.gap.last_seq, "shed", record.gap.reason)
            accounts.append(shed)
            for request_id in record.gap.ended:
                calls[key].pop(request_id, None)
            after[key] = replace(epoch, next_seq=max(epoch.next_seq, record.gap.last_seq + 1))
            continue
        if record.seq > epoch.next_seq and (has_corrupt or epoch.is_suspect):
            accounts.append(Account(key, epoch.next_seq, record.seq - 1, "corrupt", "checksum"))
        if record.begun is not None:
            calls[key][record.begun.request_id] = record.begun
        elif record.ended:
            calls[key].pop(record.ended, None)
        after[key] = EpochState(record.seq + record.numbers_taken, epoch.announced_seq, open=epoch.open)
    for still_open in calls.values():
        still_open.update({one: call.bare() for one, call in still_open.items()})
    if has_corrupt:
        after = {key: replace(epoch, is_suspect=True) for key, epoch in after.items()}
    return after, accounts


def announced(ledger: Ledger) -> tuple[Ledger, list[Account]]:
    """The accepted numbers that were not announced yet, one range an epoch."""
    accounts = [
        Account(key, epoch.announced_seq, epoch.next_seq - 1, "accepted")
        for key, epoch in ledger.items()
        if epoch.next_seq > epoch.announced_seq
    ]
    return {key: replace(epoch, announced_seq=epoch.next_seq) for key, epoch in ledger.items()}, accounts


def headed(ledger: Ledger, heads: Mapping[ProducerEpoch, int]) -> tuple[Ledger, list[Account]]:
    """The ledger after everything that was written was read, with the numbers that were used and found nowhere.

    heads: numbers that producer epochs said they used, looked at before the last look at their segments. What is behind the last
    record is corrupt where unreadable bytes stood there; else nobody says why, and the audit shows it as missing.
    """
    after, accounts = dict(ledger), list[Account]()
    for key, used in heads.items():
        epoch = after.get(key, EpochState())
        if used <= epoch.next_seq:
            continue
        if epoch.is_suspect:
            accounts.append(Account(key, epoch.next_seq, used - 1, "corrupt", "checksum"))
        after[key] = replace(epoch, next_seq=used, is_suspect=False)
    return after, accounts


def closed(ledger: Ledger, boot_epochs: Sequence[int]) -> tuple[Ledger, list[Unended]]:
    """The ledger without the epochs that are over, and each call that they left open.

    boot_epochs: those that have segments, oldest segment first. An epoch is over when it has no segment and another epoch has
    one, because a service keeps its newest segment. Said again, it says the same.
    """
    if not boot_epochs:
        return ledger, []
    over = {key: epoch for key, epoch in ledger.items() if key.boot_epoch not in boot_epochs}
    unended = [
        Unended(key, number, epoch.open[request_id], boot_epochs[0])
        for key, epoch in over.items()
        for number, request_id in enumerate(sorted(epoch.open))
    ]
    return {key: epoch for key, epoch in ledger.items() if key not in over}, unended
