"""Reading the spool: pieces of segments in the order in which they were opened, each deleted once it is safe elsewhere.

How far a segment is acknowledged stands in memory and in `<segment>.acked`; when the mark is lost, the piece is read and
sent again with the same ids. What cannot be read is counted and goes to `quarantine/`, until that holds
`quarantine_bytes_max`: of what comes then the SHA-256 alone is kept, in the log, and that is counted too. To delete needs no
room, so a full disk is emptied whatever else it refuses.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import Counter

from weir.gateway.adapters.spool_folder import path_of, segments_in, size_of
from weir.gateway.core.record import ANCHOR_BYTES_MAX, HEAD, RECORD_BYTES_MAX, SIZES, Found, is_believable, scan
from weir.gateway.core.segment import SUFFIX, Segment
from weir.runtime.disk import DISK, Disk
from weir.runtime.durable import private_folder, replace_file
from weir.runtime.state_file import read_state
from weir.runtime.telemetry import logger

CHUNK_BYTES = 1_048_576
"""Bytes the drain reads of a segment at once. Chosen: about 230 calls, 55 ms of encoding; live calls feel larger bursts."""

SEGMENTS_UNREADABLE = Counter(
    "weir_gateway_segments_unreadable_total", "Segments that the disk did not let be read. Any rise: a bad disk."
)

NOT_KEPT = Counter(
    "weir_gateway_quarantine_not_kept_total",
    "Unreadable stretches of the spool that a full quarantine did not take; their SHA-256 is in the log. Any: empty it.",
)

QUARANTINE_BYTES_MAX = 67_108_864
"""Bytes that quarantine holds unless told otherwise. Chosen: a quarter of the spool."""


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
    offsets: tuple[int, ...] = ()
    """Where each payload stands, as one number that rises over all segments of the folder."""
    boot_epoch: int = 0
    """Of the gateway's life that wrote it."""


@dataclass
class SpoolReader:
    """Reads segments in order from where the last acknowledgement was."""

    folder: Path
    disk: Disk = DISK
    quarantine_bytes_max: int = QUARANTINE_BYTES_MAX
    _acked: dict[str, int] = field(default_factory=dict)
    """Bytes acknowledged by segment; what `.acked` says once this process has read it."""
    _whole: set[str] = field(default_factory=set)
    """Segments with bad bytes that quarantine did not take: they go there whole."""

    _unreadable: set[str] = field(default_factory=set)
    """Segments that the disk does not let be read, as far as it was logged."""

    def __post_init__(self) -> None:
        private_folder(self.folder, disk=self.disk)
        try:
            private_folder(self._quarantine, disk=self.disk)  # before it is needed: a full disk makes no folder
        except OSError as error:
            logger().error("quarantine_not_made", error=str(error), effect="tried again when it is needed")

    def read(self) -> Piece | None:
        """The next piece of the oldest segment that can be read, or None when there is nothing to read.

        A segment that the disk does not let be read is left where it is and logged, once; those after it go on.
        """
        segments = segments_in(self.folder)
        for segment in segments:
            try:
                piece = self._piece(segment, is_closed=segment != segments[-1])
            except OSError as error:
                self._note_unreadable(segment, error)
                continue
            self._unreadable.discard(segment.name)
            if piece.payloads or piece.corrupt or piece.is_finished:
                return piece
        return None

    def acknowledge(self, piece: Piece, *, is_noted: bool = True) -> None:
        """A piece is safe elsewhere: delete its segment when finished, else note how far it is.

        is_noted: False keeps the place in memory alone. Raises OSError; the place is kept in memory all the same.
        """
        name = piece.segment.name
        self._acked[name] = piece.end
        if piece.corrupt:
            self._set_aside(piece)
        if piece.is_finished:
            self._finish(piece.segment)
        elif is_noted:
            replace_file(_mark(piece.segment), str(piece.end).encode(), disk=self.disk)

    def boot_epochs(self) -> list[int]:
        """Boot epochs that have segments, oldest segment first: of every other life all records are acknowledged."""
        return list(dict.fromkeys(segment.boot_epoch for segment in segments_in(self.folder)))

    def backlog_bytes(self) -> int:
        """Bytes that are not acknowledged."""
        paths = [path_of(self.folder, segment) for segment in segments_in(self.folder)]
        return sum(max(0, size_of(path) - self._start(path)) for path in paths)

    def quarantined_bytes(self) -> int:
        """Bytes in quarantine."""
        return sum(size_of(path) for path in self._quarantine.glob("*"))

    @property
    def _quarantine(self) -> Path:
        return self.folder / "quarantine"

    def _piece(self, segment: Segment, *, is_closed: bool) -> Piece:
        path = path_of(self.folder, segment)
        start = self._start(path)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = min(start, size)
            file.seek(start)
            data = file.read(max(CHUNK_BYTES, _record_size(file.fileno(), start)))
        reached_end = start + len(data) >= size
        is_closed = is_closed and reached_end
        found = list(scan(data, 0, anchor=segment.anchor, is_whole=reached_end))
        found += _beyond(data, found[-1].end if found else 0, is_closed, reached_end)
        end = found[-1].end if found else 0
        good = [item for item in found if item.payload is not None]
        return Piece(
            segment=path,
            payloads=tuple(item.payload for item in good if item.payload is not None),
            corrupt=tuple(data[item.start : item.end] for item in found if item.payload is None),
            end=start + end,
            is_finished=is_closed,
            torn_bytes=len(data) - end if is_closed else 0,
            offsets=tuple(segment.offset_of(start + item.start) for item in good),
            boot_epoch=segment.boot_epoch,
        )

    def _note_unreadable(self, segment: Segment, error: OSError) -> None:
        if segment.name in self._unreadable:
            return
        self._unreadable.add(segment.name)
        SEGMENTS_UNREADABLE.inc()
        logger().error("segment_unreadable", segment=segment.name, error=str(error), effect="left; read when it can be")

    def _start(self, path: Path) -> int:
        if path.name not in self._acked:
            self._acked[path.name] = read_state(_mark(path), _place, 0, disk=self.disk)
        return self._acked[path.name]

    def _finish(self, path: Path) -> None:
        if path.name in self._whole:
            private_folder(self._quarantine, disk=self.disk)
            self.disk.rename(path, self._quarantine / path.name)
        else:
            self.disk.unlink(path)
        self._whole.discard(path.name)
        self._acked.pop(path.name, None)
        self.disk.unlink(_mark(path))

    def _set_aside(self, piece: Piece) -> None:
        """Keep the bad bytes of a piece, or in the log their SHA-256 alone where quarantine has no room for all of them.

        When the disk refuses them its whole segment is kept instead, which needs no room on the disk; quarantine may then
        hold one segment more than its limit.
        """
        room = self.quarantine_bytes_max - self.quarantined_bytes()
        if sum(map(len, piece.corrupt)) > room:
            digests = [hashlib.sha256(data).hexdigest() for data in piece.corrupt]
            NOT_KEPT.inc(len(piece.corrupt))
            logger().error("quarantine_full", bytes_max=self.quarantine_bytes_max, not_kept_sha256=digests)
            return
        try:
            private_folder(self._quarantine, disk=self.disk)
            for number, data in enumerate(piece.corrupt):
                name = f"{piece.segment.stem}-{piece.end}-{number}.bin"
                replace_file(self._quarantine / name, data, disk=self.disk)
        except OSError as error:
            self._whole.add(piece.segment.name)
            logger().error("quarantine_refused", error=str(error), segment=piece.segment.name, effect="kept whole")


def _beyond(data: bytes, place: int, is_closed: bool, reached_end: bool) -> list[Found]:
    """Bytes after the last record that are nothing that was cut, and nothing that more bytes could complete."""
    rest = len(data) - place
    is_length_bad = rest >= HEAD.size and not is_believable(HEAD.unpack_from(data, place)[0])
    if not is_length_bad:
        return []
    if is_closed:
        return [Found(None, place, len(data))]
    kept = HEAD.size + SIZES.size + ANCHOR_BYTES_MAX  # the next record may begin in the last bytes of this chunk
    return [Found(None, place, len(data) - kept)] if not reached_end and rest > kept else []


def _record_size(file: int, start: int) -> int:
    head = os.pread(file, HEAD.size, start)
    length = int(HEAD.unpack(head)[0]) if len(head) == HEAD.size else 0
    return HEAD.size + min(length, RECORD_BYTES_MAX)


def _mark(segment: Path) -> Path:
    assert segment.suffix == SUFFIX
    return segment.with_suffix(".acked")


def _place(content: bytes) -> int:
    place = int(content)
    if place < 0:
        raise ValueError(f"place {place} in a segment; expected 0 or more")
    return place
