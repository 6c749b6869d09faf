"""The books on disk, beside the spool they were read from: written whole before a piece is acknowledged.

A drain that dies between the two reads the piece again, and `accounting` counts nothing twice.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from weir.gateway.core.accounting import Books, Life
from weir.gateway.core.record import call_from
from weir.runtime.files.disk import DISK, Disk
from weir.runtime.files.durable import replace_file
from weir.runtime.files.state_file import read_state


class BooksFile:
    """`books.json` in the spool's folder."""

    def __init__(self, folder: Path, *, disk: Disk = DISK) -> None:
        self._path = folder / "books.json"
        self._disk = disk

    def load(self) -> Books:
        """The books as they were saved; empty when there are none, or none that can be used."""
        return read_state(self._path, _books_from, {}, disk=self._disk)

    def save(self, books: Books) -> None:
        """Replace the file. Raises OSError; then it holds the books of before."""
        entries = [
            {
                "source": source,
                "boot_epoch": boot_epoch,
                "next_seq": life.next_seq,
                "announced_seq": life.announced_seq,
                "is_suspect": life.is_suspect,
                "open": list(life.open.values()),
            }
            for (source, boot_epoch), life in books.items()
        ]
        replace_file(self._path, orjson.dumps(entries), disk=self._disk)


def _books_from(content: bytes) -> Books:
    return {
        (str(entry["source"]), int(entry["boot_epoch"])): Life(
            next_seq=int(entry["next_seq"]),
            announced_seq=int(entry["announced_seq"]),
            is_suspect=bool(entry["is_suspect"]),
            open={call.request_id: call for fields in entry["open"] if (call := call_from(fields)) is not None},
        )
        for entry in orjson.loads(content)
    }
