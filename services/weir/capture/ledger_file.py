"""The ledger on disk, beside the spool that it counts: written whole before a piece is acknowledged.

A drain that dies between the two reads the piece again, and `accounting` counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from weir.capture.accounting import EpochState, Ledger, Opened
from weir.events.log import ProducerEpoch
from weir.runtime.files.disk import DISK, Disk
from weir.runtime.files.durable import replace_file
from weir.runtime.files.state_file import read_state

OpenedFrom = Callable[[dict[str, Any]], Opened]
"""Makes an open call of its JSON. Raises whatever it likes for another shape: the file is then set aside."""


class LedgerFile:
    """`books.json` in the spool's folder; the file keeps its first name, so that an upgrade finds what was counted before."""

    def __init__(self, folder: Path, opened_from: OpenedFrom, *, disk: Disk = DISK) -> None:
        """opened_from: reads back what is open."""
        self._path = folder / "books.json"
        self._opened_from = opened_from
        self._disk = disk

    def load(self) -> Ledger:
        """The ledger as it was saved; empty where there is none, or none that can be used."""
        return read_state(self._path, partial(_ledger_from, self._opened_from), {}, disk=self._disk)

    def save(self, ledger: Ledger) -> None:
        """Replace the file. Raises OSError; then it holds the ledger of before."""
        entries = [
            {
                "source": source,
                "boot_epoch": boot_epoch,
                "next_seq": epoch.next_seq,
                "announced_seq": epoch.announced_seq,
                "is_suspect": epoch.is_suspect,
                "open": list(epoch.open.values()),
            }
            for (source, boot_epoch), epoch in ledger.items()
        ]
        replace_file(self._path, orjson.dumps(entries), disk=self._disk)


def _ledger_from(opened_from: OpenedFrom, content: bytes) -> Ledger:
    return {
        ProducerEpoch(str(entry["source"]), int(entry["boot_epoch"])): EpochState(
            next_seq=int(entry["next_seq"]),
            announced_seq=int(entry["announced_seq"]),
            is_suspect=bool(entry["is_suspect"]),
            open={call.request_id: call for call in map(opened_from, entry["open"])},
        )
        for entry in orjson.loads(content)
    }
