"""Accounting: what the drain learns about numbers and open calls while it reads the spool.

    ledger, accounts = counted(ledger, records, has_corrupt=...)
    ledger, accounts = headed(ledger, heads)
    ledger, records = closed(ledger, boot_epochs)

Records come in the order of their numbers. A hole between them is named by a gap record (shed), by a corrupt record
beside it (corrupt), or by nobody: then the audit shows it as missing. A call whose request was written and whose end
was not, by a gateway that is dead, ends here as `aborted`. Reading records again changes nothing.

Invariant: every number that an epoch used is accounted for or missing, also behind its last record (`headed`), and which
epoch is over follows from its segments, never from a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weir.events import AccountKind
from weir.events.log import ProducerEpoch
from weir.gateway.core.call import Call, CallEnd
from weir.gateway.core.record import NUMBERS_TAKEN, Record

GATEWAY_LOST_STATUS = 14
"""gRPC status of an aborted call: UNAVAILABLE, which is what its client saw, if it saw anything."""


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
    """One boot of one gateway, as far as its spool was read."""

    next_seq: int = 0
    announced_seq: int = 0
    """Numbers below this one were announced as accepted."""
    is_suspect: bool = False
    """Whether a corrupt record was met since the last good one."""
    open: Mapping[str, Call] = field(default_factory=dict)
    """Calls without an end, by request id; at most as many as the gateway holds in flight. A shed end closes its call too."""


Ledger = Mapping[ProducerEpoch, EpochState]


def counted(ledger: Ledger, records: Iterable[Record], *, has_corrupt: bool) -> tuple[Ledger, list[Account]]:
    """The ledger after some records, and the accounts of holes on the way.

    has_corrupt: whether unreadable records stood among or after them.
    """
    after, accounts = dict(ledger), list[Account]()
    # Open calls of the epochs met here, copied once and not for each record.
    calls: dict[ProducerEpoch, dict[str, Call]] = {}
    for record in records:
        key = ProducerEpoch(record.source, record.boot_epoch)
        epoch = after.get(key, EpochState())
        # A gap is reported though its numbers were passed: a head may have moved next_seq past them before the gap was written
        # (`headed`). Reported twice it does no harm: the audit counts a range once.
        if record.seq < epoch.next_seq and record.kind != "gap":
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
        if record.call is not None and record.kind == "requested":
            calls[key][record.call.request_id] = record.call
        elif record.call is not None:
            calls[key].pop(record.call.request_id, None)
        after[key] = EpochState(record.seq + NUMBERS_TAKEN[record.kind], epoch.announced_seq, open=epoch.open)
    for still_open in calls.values():
        still_open.update({one: replace(call, user_text=None) for one, call in still_open.items() if call.user_text})
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


def closed(ledger: Ledger, boot_epochs: Sequence[int]) -> tuple[Ledger, list[Record]]:
    """The ledger without the epochs that are over, and an ending for each call they left open.

    boot_epochs: those that have segments, oldest segment first. An epoch is over when it has no segment and another epoch has
    one, because a gateway keeps its newest segment. The endings are numbered as a source of their own, `<gateway>/reconciler`,
    under the dead epoch's boot epoch, so that saying it again says the same.
    """
    if not boot_epochs:
        return ledger, []
    over = {key: epoch for key, epoch in ledger.items() if key.boot_epoch not in boot_epochs}
    records = [
        _aborted(key, number, epoch.open[request_id], boot_epochs[0])
        for key, epoch in over.items()
        for number, request_id in enumerate(sorted(epoch.open))
    ]
    return {key: epoch for key, epoch in ledger.items() if key not in over}, records


def _aborted(epoch: ProducerEpoch, number: int, call: Call, found_us: int) -> Record:
    source, boot_epoch = epoch
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
