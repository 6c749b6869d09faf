"""The spool on disk: segments that one service appends to and one drain empties (`spool_reader`), bounded in bytes.

One `write` a record into the page cache (it survives the death of the process, not of the machine). Segments are named
by `capture.segment`: their order is a counter.

Invariant: a segment is never synced again after a failed sync. The spool leaves it and writes its unsynced records into the
next one (durability fsync); a sync that succeeds then covers every earlier record. Whatever the disk refuses, the caller gets
CaptureFull and never an OSError.
"""

from __future__ import annotations

import errno
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from weir.capture.capture_full import CaptureFull
from weir.capture.heads import Head
from weir.capture.segment import Segment, counter_after
from weir.capture.spool_folder import Unreadable, path_of, segments_in, spooled_bytes
from weir.runtime.files.disk import DISK, Disk, write_all
from weir.runtime.files.durable import sync_folder
from weir.runtime.files.one_owner import OneOwner

SEGMENTS_MIN = 8
"""Segments that a full spool consists of at least: room appears only when a whole segment is drained. Arbitrary; any number from
4 to 64 would do: fewer give room back in large steps, more are many files."""


@dataclass(frozen=True, slots=True)
class SyncPoint:
    """A moment of a writer: what a sync that begins now speaks for, when it succeeds."""

    segment: int
    """Segment, counted by this writer."""
    records: int
    """Records appended so far."""


class SpoolWriter:
    """Appends records to the newest segment."""

    def __init__(
        self,
        folder: Path,
        *,
        boot_epoch: int,
        bytes_max: int,
        segment_bytes_max: int,
        is_durable: bool = False,
        source: str = "",
        bytes_setting: str = "WEIR_GATEWAY_SPOOL_BYTES_MAX",
        disk: Disk = DISK,
    ) -> None:
        """Raises BadSetting when another process holds the folder, OSError when the disk refuses the folder,
        its listing or its lock.

        segment_bytes_max: at most an eighth of bytes_max is used, or the newest segment alone could fill the spool.
        is_durable: a finished segment and the folder's entry of a new one are forced to the disk. source: whose numbers
        are written beside the segments (`write_head`). bytes_setting: the variable of bytes_max, for errors.
        """
        otherwise = f"{folder} is held by another process; give each process its own WEIR_INSTANCE"
        self._lock = OneOwner(folder / "writer.lock", otherwise, disk=disk)
        self._folder = folder
        self._disk = disk
        self._boot_epoch = boot_epoch
        self._bytes_max = bytes_max
        self._segment_bytes_max = min(segment_bytes_max, bytes_max // SEGMENTS_MIN)
        self._bytes_setting = bytes_setting
        self._is_durable = is_durable
        self._counter = counter_after(segments_in(folder, disk=disk))
        self.mark = secrets.token_hex(8)
        """Of the segments of this producer epoch; every record's JSON begins with it."""
        self._head = Head(folder, source, boot_epoch, disk=disk)
        self._unreadable = Unreadable()
        self._closed_bytes = spooled_bytes(folder, unreadable=self._unreadable, disk=disk)
        """Of the segments but the newest one."""
        self._segment_bytes = 0
        self._segment_name = ""
        self._segment_number = 0
        self._appended = 0
        self._unsynced: list[bytes] = []
        self._file: int | None = None
        """None: the last segment was left and no next one could be opened yet."""
        self._syncing: int | None = None
        try:
            self._open_next()
        except CaptureFull:
            self._file = None  # the disk may be full of what the drain is about to take: the first call tries again

    def append(self, record: bytes, *, spare_bytes: int = 0) -> None:
        """Write one framed record. Raises CaptureFull, leaving the segment as it was, when there is no room.

        spare_bytes: room that must stay for records that matter more.
        """
        needed = len(record) + spare_bytes
        if self._file is None:
            self._open_next()
        if self._segment_bytes and self._segment_bytes + len(record) > self._segment_bytes_max:
            self._rotate()
        self._demand_room(needed)
        self._write(record)
        self._segment_bytes += len(record)
        self._appended += 1
        if self._is_durable:
            self._unsynced.append(record)

    def write_head(self, numbers: int) -> None:
        """Say beside the segments how many numbers this producer epoch has used. Never raises."""
        self._head.write(numbers)

    def sync_point(self) -> SyncPoint:
        """What the next `sync` will speak for. Raises CaptureFull when no segment can be opened.

        One sync at a time: `sync_point`, then `sync` in a thread, then `is_synced` or `abandon`.
        """
        if self._file is None:
            self._open_next()
        assert self._file is not None
        self._forget_syncing()
        self._syncing = os.dup(self._file)  # the segment may be closed by a rotation meanwhile
        return SyncPoint(self._segment_number, self._appended)

    def sync(self) -> None:
        """Force what stood there at the `sync_point` to the disk (fdatasync, milliseconds); may run in its own thread.

        Raises OSError. Then nobody knows which pages arrived: `abandon` the segment, never sync it again as if clean.
        """
        if self._syncing is None:
            raise OSError(errno.EBADF, "no sync point was taken")
        self._disk.fdatasync(self._syncing)

    def is_synced(self, point: SyncPoint) -> bool:
        """After a `sync` that succeeded: whether every record up to the point is on the disk.

        It is not when the segment was left meanwhile, because its other sync failed, and the next one was refused.
        """
        self._forget_syncing()
        if point.segment == self._segment_number:
            self._settle(point.records)
        return self._first_unsynced >= point.records

    def abandon(self) -> None:
        """Leave the segment and go on in a new one, with what was not synced. Never raises: the next append tries again."""
        self._forget_syncing()
        self._leave()
        try:
            self._open_next()
        except CaptureFull:
            return

    def close(self) -> None:
        """Close the segment; the drain finishes it once a later one exists or at its next start."""
        self._forget_syncing()
        self._leave()
        self._head.close()
        self._lock.close()

    @property
    def _first_unsynced(self) -> int:
        return self._appended - len(self._unsynced)

    def _settle(self, records: int) -> None:
        """The first so many records are on the disk."""
        del self._unsynced[: max(0, records - self._first_unsynced)]

    def _demand_room(self, needed: int) -> None:
        if self._closed_bytes + self._segment_bytes + needed > self._bytes_max:
            self._count_closed(self._closed_bytes)
            if self._closed_bytes + self._segment_bytes + needed > self._bytes_max:
                raise CaptureFull(
                    f"the spool holds its {self._bytes_max} bytes; is Kafka down? see {self._bytes_setting}",
                    "spool_full",
                )

    def _write(self, record: bytes) -> None:
        assert self._file is not None
        try:
            written = self._disk.write(self._file, record)
        except OSError as error:
            self._let_drain()
            raise CaptureFull(
                f"the spool's disk refused {len(record)} bytes: {error.strerror}; free some space", "disk_refused"
            ) from error
        if written != len(record):
            self._take_back()
            raise CaptureFull(
                f"the spool's disk took {written} of {len(record)} bytes; free some space", "disk_refused"
            )

    def _take_back(self) -> None:
        """Cut half a record off; where even that is refused the segment is left, and the drain finds it torn."""
        assert self._file is not None
        try:
            self._disk.truncate(self._file, self._segment_bytes)
        except OSError:
            self.abandon()
        else:
            self._let_drain()

    def _let_drain(self) -> None:
        """Leave a segment on a full disk behind: once drained it is deleted, and its room is there again."""
        if self._segment_bytes:
            try:
                self._rotate()
            except CaptureFull:
                return  # the caller raises its own; the next append tries again

    def _rotate(self) -> None:
        """Go on in a new segment. Raises CaptureFull; the old one then stays, unless it could not be synced."""
        if self._is_durable and not self._is_forced():
            return
        before = self._file
        self._open_next()
        if before is not None:
            self._close_quietly(before)

    def _is_forced(self) -> bool:
        """Force the segment before the next one exists, because then the drain takes it for finished and deletes it.

        False when the disk refused and the next one was opened, with what was not synced. Raises CaptureFull when the
        disk refused that too.
        """
        assert self._file is not None
        try:
            self._disk.fdatasync(self._file)
        except OSError:
            self._leave()
            self._open_next()
            return False
        self._settle(self._appended)
        return True

    def _leave(self) -> None:
        before, self._file = self._file, None
        self._segment_number += 1
        if before is not None:
            self._close_quietly(before)

    def _close_quietly(self, file: int) -> None:
        """Close a segment whose content is settled or written again: what `close` says about it changes nothing."""
        try:
            self._disk.close(file)
        except OSError:
            return

    def _open_next(self) -> None:
        """Open the next segment and write what was not synced into it. Raises CaptureFull; then it is not there."""
        path = self._next_path()
        try:
            file = self._disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL)
        except OSError as error:
            raise CaptureFull(
                f"cannot open spool segment {path.name}: {error.strerror}; free some space", "disk_refused"
            ) from error
        try:
            self._write_again(file)
        except OSError as error:
            self._close_quietly(file)
            self._unmade(path)
            raise CaptureFull(f"the spool's disk refused a sync: {error.strerror}", "disk_refused") from error
        before_bytes = self._closed_bytes + self._segment_bytes
        self._file, self._segment_name = file, path.name
        self._segment_number += 1
        self._segment_bytes = sum(map(len, self._unsynced))
        self._unsynced.clear()
        self._count_closed(before_bytes)

    def _count_closed(self, at_most: int) -> None:
        """Look how much the segments before this one hold. at_most: what is believed when the disk lists nothing."""
        try:
            self._closed_bytes = spooled_bytes(
                self._folder, besides=self._segment_name, unreadable=self._unreadable, disk=self._disk
            )
        except OSError as error:
            self._unreadable.note(self._folder.name, error)
            self._closed_bytes = at_most
        else:
            self._unreadable.settle(self._folder.name)

    def _write_again(self, file: int) -> None:
        """Force a new segment's entry to the disk, and in it what a segment that was left had not synced."""
        if self._unsynced:
            write_all(self._disk, file, b"".join(self._unsynced))
            self._disk.fdatasync(file)
        if self._is_durable:
            sync_folder(self._folder, disk=self._disk)

    def _unmade(self, path: Path) -> None:
        try:
            self._disk.unlink(path)
        except OSError:
            return  # an empty or repeated segment: the drain reads it and deletes it

    def _next_path(self) -> Path:
        segment = Segment(True, self._counter, 0, self._boot_epoch, self.mark)
        self._counter += 1
        return path_of(self._folder, segment)

    def _forget_syncing(self) -> None:
        if self._syncing is not None:
            os.close(self._syncing)
            self._syncing = None
