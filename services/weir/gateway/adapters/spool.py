"""The spool on disk: segments that one gateway appends to and one drain empties, bounded in bytes.

One `write` a record into the page cache (it survives the death of the process, not of the machine). A segment is
`<boot epoch>-<index>.seg`; names sort in the order of writing. The drain keeps how far a segment is acknowledged in
`<segment>.acked` and deletes a segment that is finished. What cannot be read is moved to `quarantine/`, and counted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from weir.gateway.core.record import HEAD, RECORD_BYTES_MAX, scan
from weir.gateway.ports import CaptureFull
from weir.runtime.errors import BadSetting

SEGMENTS_MIN = 8
"""Segments that a full spool consists of at least: room appears only when a whole segment is drained. Chosen."""

CHUNK_BYTES = 1_048_576
"""Bytes the drain reads of a segment at once. Chosen: about 230 calls, 55 ms of encoding; live calls feel larger bursts."""


class SpoolWriter:
    """Appends records to the newest segment."""

    def __init__(
        self, folder: Path, *, boot_epoch: int, bytes_max: int, segment_bytes_max: int, is_durable: bool = False
    ) -> None:
        """Raises BadSetting when another gateway holds the folder.

        segment_bytes_max: at most an eighth of bytes_max is used, or the newest segment alone could fill the spool.
        is_durable: a finished segment and the folder's entry of a new one are forced to the disk.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = _locked(folder / "writer.lock")
        self._boot_epoch = boot_epoch
        self._bytes_max = bytes_max
        self._segment_bytes_max = min(segment_bytes_max, bytes_max // SEGMENTS_MIN)
        self._is_durable = is_durable
        self._index = 0
        self._closed_bytes = spooled_bytes(folder)
        self._file, self._segment_bytes = self._next_segment(), 0

    def append(self, record: bytes, *, spare_bytes: int = 0) -> None:
        """Write one framed record. Raises CaptureFull, leaving the segment as it was, when there is no room.

        spare_bytes: room that must stay for records that matter more.
        """
        needed = len(record) + spare_bytes
        if self._segment_bytes and self._segment_bytes + len(record) > self._segment_bytes_max:
            self._rotate()
        if self._closed_bytes + self._segment_bytes + needed > self._bytes_max:
            self._closed_bytes = spooled_bytes(self._folder) - self._segment_bytes
            if self._closed_bytes + self._segment_bytes + needed > self._bytes_max:
                raise CaptureFull(
                    f"the spool holds its {self._bytes_max} bytes; is Kafka down? see WEIR_GATEWAY_SPOOL_BYTES_MAX",
                    "spool_full",
                )
        try:
            written = os.write(self._file, record)
        except OSError as error:
            self._let_drain()
            raise CaptureFull(
                f"the spool's disk refused {len(record)} bytes: {error.strerror}; free some space", "disk_refused"
            ) from error
        if written != len(record):
            os.ftruncate(self._file, self._segment_bytes)
            self._let_drain()
            raise CaptureFull(
                f"the spool's disk took {written} of {len(record)} bytes; free some space", "disk_refused"
            )
        self._segment_bytes += written

    def sync(self) -> None:
        """Force what was appended to the disk (fdatasync, milliseconds); may run in a thread of its own.

        Raises OSError. Then nobody knows which pages arrived: `abandon` the segment, never sync it again as if clean.
        """
        file = os.dup(self._file)  # the segment may be closed by a rotation meanwhile
        try:
            os.fdatasync(file)
        finally:
            os.close(file)

    def abandon(self) -> None:
        """Go on in a new segment; the drain finishes the old one."""
        self._rotate(is_synced=False)

    def close(self) -> None:
        """Close the segment; the drain finishes it once a later one exists or at its next start."""
        os.close(self._file)
        self._lock.close()

    def _let_drain(self) -> None:
        """Leave a segment on a full disk behind: once drained it is deleted, and its room is there again."""
        if self._segment_bytes:
            with contextlib.suppress(CaptureFull):  # the caller raises its own; the next append tries again
                self._rotate()

    def _rotate(self, *, is_synced: bool = True) -> None:
        if self._is_durable and is_synced:
            self._force()  # before the next segment exists: then the drain takes this one for finished and deletes it
        following = self._next_segment()
        os.close(self._file)
        self._file, self._segment_bytes = following, 0
        self._closed_bytes = spooled_bytes(self._folder)

    def _force(self) -> None:
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise CaptureFull(f"the spool's disk refused a sync: {error.strerror}", "disk_refused") from error

    def _next_segment(self) -> int:
        path = self._folder / f"{self._boot_epoch:020d}-{self._index:08d}.seg"
        self._index += 1
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL | os.O_CLOEXEC, 0o600)
            if self._is_durable:
                _sync_folder(self._folder)
        except OSError as error:
            raise CaptureFull(
                f"cannot open spool segment {path.name}: {error.strerror}; free some space", "disk_refused"
            ) from error
        return file


def _sync_folder(folder: Path) -> None:
    """A file is only as durable as its entry in the folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def spooled_bytes(folder: Path) -> int:
    """Bytes of all segments in the folder."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".seg"):
                try:
                    total += entry.stat().st_size
                except FileNotFoundError:
                    continue  # the drain deleted it between the listing and the look
    return total


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a segment: its good payloads, and where reading goes on once they are acknowledged."""

    segment: Path
    payloads: tuple[bytes, ...]
    corrupt: tuple[bytes, ...]
    end: int
    is_finished: bool
    """Whether the writer will add nothing more to this segment and this piece reaches its end."""
    torn_bytes: int
    """Bytes after the last whole record of a finished segment; they are a write that was cut."""


class SpoolReader:
    """Reads segments in order from where the last acknowledgement was."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def read(self) -> Piece | None:
        """The next piece of the oldest segment, or None when everything written is acknowledged."""
        segments = sorted(self._folder.glob("*.seg"))
        for segment in segments:
            piece = self._piece(segment, is_closed=segment != segments[-1])
            if piece.payloads or piece.corrupt or piece.is_finished:
                return piece
        return None

    def acknowledge(self, piece: Piece) -> None:
        """Remember that a piece is safe elsewhere: delete its segment when finished, else note how far it is."""
        if piece.corrupt:
            self._quarantine(piece)
        mark = _mark(piece.segment)
        if piece.is_finished:
            piece.segment.unlink()
            mark.unlink(missing_ok=True)
            return
        partial = mark.with_suffix(".partial")
        partial.write_text(str(piece.end))
        partial.replace(mark)

    def oldest_boot_epoch(self) -> int | None:
        """Boot epoch of the oldest segment: of every boot before it all records are acknowledged. None: no segment."""
        oldest = min((path.name for path in self._folder.glob("*.seg")), default="")
        return int(oldest.split("-")[0]) if oldest else None

    def backlog_bytes(self) -> int:
        """Bytes that are not acknowledged."""
        return sum(self._size(path) - _acked(path) for path in self._folder.glob("*.seg"))

    def _piece(self, segment: Path, *, is_closed: bool) -> Piece:
        start = _acked(segment)
        with segment.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(start)
            data = file.read(max(CHUNK_BYTES, self._record_size(file.fileno(), start)))
        found = list(scan(data, 0))
        end = start + (found[-1].end if found else 0)
        reached_end = start + len(data) >= size
        return Piece(
            segment=segment,
            payloads=tuple(item.payload for item in found if item.payload is not None),
            corrupt=tuple(data[item.start : item.end] for item in found if item.payload is None),
            end=end,
            is_finished=is_closed and reached_end,
            torn_bytes=size - end if is_closed and reached_end else 0,
        )

    @staticmethod
    def _record_size(file: int, start: int) -> int:
        head = os.pread(file, HEAD.size, start)
        length = int(HEAD.unpack(head)[0]) if len(head) == HEAD.size else 0
        return HEAD.size + min(length, RECORD_BYTES_MAX)

    @staticmethod
    def _size(path: Path) -> int:
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0

    def _quarantine(self, piece: Piece) -> None:
        folder = self._folder / "quarantine"
        folder.mkdir(exist_ok=True)
        for number, data in enumerate(piece.corrupt):
            (folder / f"{piece.segment.stem}-{piece.end}-{number}.bin").write_bytes(data)


def _mark(segment: Path) -> Path:
    return segment.with_suffix(".acked")


def _acked(segment: Path) -> int:
    mark = _mark(segment)
    return int(mark.read_text()) if mark.exists() else 0


class _locked:
    """Holds an exclusive lock on a file for the life of the process."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise BadSetting(
                f"{path.parent} is held by another process; give each gateway its own WEIR_INSTANCE"
            ) from error

    def close(self) -> None:
        self._file.close()
