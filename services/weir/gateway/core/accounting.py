"""Accounting: what the drain learns about numbers and open calls while it reads the spool.

    books, accounts = counted(books, records, has_corrupt=...)
    books, accounts = headed(books, heads)
    books, records = closed(books, boot_epochs)

Records come in the order of their numbers. A hole between them is named by a gap record (shed), by a corrupt record
beside it (corrupt), or by nobody: then the audit shows it as missing. A call whose request was written and whose end
was not, by a gateway that is dead, ends here as `aborted`. Reading records again changes nothing.

Invariant: every number that a life used is accounted for or missing, also behind its last record (`headed`), and which
life is over follows from its segments, never from a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from weir.gateway.core.call import Call, CallEnd
from weir.gateway.core.record import NUMBERS_TAKEN, Record

GATEWAY_LOST_STATUS = 14
"""gRPC status of an aborted call: UNAVAILABLE, which is what its client saw, if it saw anything."""

LifeKey = tuple[str, int]
"""Source and boot epoch of a gateway's life."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of numbers `first_seq` to `last_seq` of a life."""

    life: LifeKey
    first_seq: int
    last_seq: int
    account: Literal["accepted", "shed", "corrupt", "dead"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Life:
    """One boot of one gateway, as far as its spool was read."""

    next_seq: int = 0
    announced_seq: int = 0
    """Numbers below this one were announced as accepted."""
    is_suspect: bool = False
    """Whether a corrupt record was met since the last good one."""
    open: Mapping[str, Call] = field(default_factory=dict)
    """Calls without an end, by request id; at most as many as the gateway holds in hand. A shed end closes its call too."""


Books = Mapping[LifeKey, Life]


def counted(books: Books, records: Iterable[Record], *, has_corrupt: bool) -> tuple[Books, list[Account]]:
    """The books after some records, and the accounts of holes on the way.

    has_corrupt: whether unreadable records stood among or after them.
    """
    after, accounts = dict(books), list[Account]()
    calls: dict[LifeKey, dict[str, Call]] = {}  # open calls of the lives met here, copied once and not for each record
    for record in records:
        key = (record.source, record.boot_epoch)
        life = after.get(key, Life())
        # A gap is told though its numbers were passed: a head may have moved next_seq past them before the gap was written
        # (`headed`). Told twice it does no harm: the audit counts a range once.
        if record.seq < life.next_seq and record.kind != "gap":
            continue
        if key not in calls:
            calls[key] = dict(life.open)
            life = replace(life, open=calls[key])
        if record.gap is not None:
            shed = Account(key, record.gap.first_seq, record.gap.last_seq, "shed", record.gap.reason)
            accounts.append(shed)
            for request_id in record.gap.ended:
                calls[key].pop(request_id, None)
            after[key] = replace(life, next_seq=max(life.next_seq, record.gap.last_seq + 1))
            continue
        if record.seq > life.next_seq and (has_corrupt or life.is_suspect):
            accounts.append(Account(key, life.next_seq, record.seq - 1, "corrupt", "checksum"))
        if record.call is not None and record.kind == "requested":
            calls[key][record.call.request_id] = record.call
        elif record.call is not None:
            calls[key].pop(record.call.request_id, None)
        after[key] = replace(life, next_seq=record.seq + NUMBERS_TAKEN[record.kind], is_suspect=False)
    for still_open in calls.values():
        still_open.update({one: replace(call, user_text="") for one, call in still_open.items() if call.user_text})
    if has_corrupt:
        after = {key: replace(life, is_suspect=True) for key, life in after.items()}
    return after, accounts


def announced(books: Books) -> tuple[Books, list[Account]]:
    """The accepted numbers that were not announced yet, one range a life."""
    accounts = [
        Account(key, life.announced_seq, life.next_seq - 1, "accepted")
        for key, life in books.items()
        if life.next_seq > life.announced_seq
    ]
    return {key: replace(life, announced_seq=life.next_seq) for key, life in books.items()}, accounts


def headed(books: Books, heads: Mapping[LifeKey, int]) -> tuple[Books, list[Account]]:
    """The books after everything that was written was read, with the numbers that were used and found nowhere.

    heads: numbers that lives said they used, looked at before the last look at their segments. What is behind the last
    record is corrupt where unreadable bytes stood there; else nobody says why, and the audit shows it as missing.
    """
    after, accounts = dict(books), list[Account]()
    for key, used in heads.items():
        life = after.get(key, Life())
        if used <= life.next_seq:
            continue
        if life.is_suspect:
            accounts.append(Account(key, life.next_seq, used - 1, "corrupt", "checksum"))
        after[key] = replace(life, next_seq=used, is_suspect=False)
    return after, accounts


def closed(books: Books, boot_epochs: Sequence[int]) -> tuple[Books, list[Record]]:
    """The books without the lives that are over, and an ending for each call they left open.

    boot_epochs: those that have segments, oldest segment first. A gateway keeps its newest segment, so a life without one
    is over once another has some. The endings are numbered as a source of their own, `<gateway>/reconciler`, under the
    dead life's boot epoch, so that saying it again says the same.
    """
    if not boot_epochs:
        return books, []
    over = {key: life for key, life in books.items() if key[1] not in boot_epochs}
    records = [
        _aborted(key, number, life.open[request_id], boot_epochs[0])
        for key, life in over.items()
        for number, request_id in enumerate(sorted(life.open))
    ]
    return {key: life for key, life in books.items() if key not in over}, records


def _aborted(life: LifeKey, number: int, call: Call, found_us: int) -> Record:
    source, boot_epoch = life
    end = CallEnd(
        end_time_us=max(call.start_time_us, found_us),
        outcome="aborted",
        status_code=GATEWAY_LOST_STATUS,
        error_type="gateway_lost",
        error_message="the gateway ended before the call did; its answer, if there was one, was not acknowledged",
    )
    return Record(
        kind="completed",
        source=f"{source}/reconciler",
        boot_epoch=boot_epoch,
        seq=number * NUMBERS_TAKEN["completed"],
        call=call,
        end=end,
    )
