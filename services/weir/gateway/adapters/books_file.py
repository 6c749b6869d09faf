"""The books on disk, beside the spool they were read from: written whole before a piece is acknowledged.

A drain that dies between the two reads the piece again, and `accounting` counts nothing twice.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from weir.gateway.core.accounting import Books, Life
from weir.gateway.core.record import call_from
from weir.runtime.telemetry import logger


class BooksFile:
    """`books.json` in the spool's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "books.json"

    def load(self) -> Books:
        """The books as they were saved; empty when there are none or nobody can read them, which is logged."""
        if not self._path.exists():
            return {}
        try:
            return {
                (str(entry["source"]), int(entry["boot_epoch"])): Life(
                    next_seq=int(entry["next_seq"]),
                    announced_seq=int(entry["announced_seq"]),
                    is_suspect=bool(entry["is_suspect"]),
                    open={call.request_id: call for fields in entry["open"] if (call := call_from(fields)) is not None},
                )
                for entry in orjson.loads(self._path.read_bytes())
            }
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            logger().error("books_unreadable", path=str(self._path), error=repr(error))
            return {}

    def save(self, books: Books) -> None:
        """Replace the file."""
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
        partial = self._path.with_suffix(".partial")
        partial.write_bytes(orjson.dumps(entries))
        partial.replace(self._path)
