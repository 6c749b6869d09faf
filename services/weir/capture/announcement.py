"""What a drain has to tell: numbers that were accepted or lost since the last time, and the ends of calls left open. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from weir.capture.accounting import Account, Ledger, Unended, announced, closed, headed
from weir.capture.reading import Read
from weir.events.log import ProducerEpoch


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is to be sent, and the ledger once it is."""

    ledger: Ledger
    accounts: tuple[Account, ...]
    ends: tuple[Read, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return not self.accounts and not self.ends


def announcement(
    ledger: Ledger,
    heads: Mapping[ProducerEpoch, int],
    epochs: Sequence[int],
    end_of: Callable[[Unended], Read],
    *,
    is_read: bool,
) -> Announcement:
    """What is to be sent now.

    heads: how many numbers each producer epoch says that it used. epochs: boot epochs that still have segments. end_of: makes
    the end of a call whose gateway died. is_read: whether all of the spool was read.
    """
    ledger, lost = headed(ledger, _settled(heads, epochs, is_read=is_read))
    ledger, accepted = announced(ledger)
    ledger, unended = closed(ledger, list(epochs))
    return Announcement(ledger, (*lost, *accepted), tuple(end_of(one) for one in unended))


def _settled(heads: Mapping[ProducerEpoch, int], epochs: Collection[int], *, is_read: bool) -> dict[ProducerEpoch, int]:
    """Those counts of which every record was read."""
    return {key: used for key, used in heads.items() if is_read or key.boot_epoch not in epochs}
