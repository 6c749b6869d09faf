"""Reading the spool: pieces of segments in the order in which they were opened, each deleted once it is safe elsewhere.

How far a segment is acknowledged stands in memory and in `<segment>.acked`, with a checksum.

Invariant: a mark that is lost, damaged, beyond its segment or unreadable says nothing: the segment is read from its
beginning and sent again with the same ids, so no mark ever deletes what was not read.

What cannot be read is counted and goes to `quarantine/`, until that holds `quarantine_bytes_max`: of what comes then the
SHA-256 alone is kept, in the log, and that is counted too. To delete needs no room, so a full disk is emptied whatever else
it refuses.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from prometheus_client import Counter

from weir.capture.frames import ANCHOR_BYTES_MAX, HEAD, RECORD_BYTES_MAX, SIZES, Found, is_believable, scan
from weir.capture.segment import SUFFIX, Segment, segment_named
from weir.capture.spool_folder import Unreadable, path_of, segments_in, size_of
from weir.runtime.files.disk import DISK, Disk
from weir.runtime.files.durable import PARTIAL, private_folder, replace_file
from weir.runtime.files.state_file import read_state, set_aside
from weir.runtime.telemetry.logs import logger

CHUNK_BYTES = 1_048_576
"""Bytes the drain reads of a segment at once. Chosen: about 120 calls of 1.2 KB, 25 ms of work; live calls feel larger bursts."""

NOT_KEPT = Counter(
    "weir_gateway_quarantine_not_kept_total",
    "Unreadable stretches of the spool that a full quarantine did not take; their SHA-256 is in the log. Any: empty it.",
)

MARK = ".acked"
"""Suffix of a segment's mark; what the metric of refused state files calls all of them."""

SHOWN_BYTES = 40
"""Bytes of a bad mark that the log repeats: a whole one has fewer."""

QUARANTINE_BYTES_MAX = 67_108_864
"""Bytes that quarantine holds unless set otherwise. Chosen: a quarter of the spool."""


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
    """Of the producer epoch that wrote it."""


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

    _unreadable: Unreadable = field(default_factory=Unreadable)
    """What of the segments the disk does not let be read."""

    _kept_unreadable: Unreadable = field(default_factory=Unreadable)
    """The same of quarantine, which keeps no number back."""

    def __post_init__(self) -> None:
        private_folder(self.folder, disk=self.disk)
        self._drop_orphans()
        try:
            private_folder(self._quarantine, disk=self.disk)  # before it is needed: a full disk makes no folder
        except OSError as error:
            logger().error("quarantine_not_made", error=str(error), effect="tried again when it is needed")

    def read(self) -> Piece | None:
        """The next piece of the oldest segment that can be read, or None when there is nothing to read.

        A segment that the disk does not let be read is left where it is and logged, once; those after it go on.
        """
        try:
            segments = self._segments()
        except OSError:
            return None
        for segment in segments:
            path = path_of(self.folder, segment)
            try:
                piece = self._piece(segment, is_closed=segment != segments[-1])
            except OSError as error:
                self._unreadable.note(path.name, error)
                continue
            self._unreadable.settle(path.name)
            if piece.payloads or piece.corrupt or piece.is_finished:
                return piece
        return None

    def acknowledge(self, piece: Piece, *, is_noted: bool = True) -> None:
        """A piece is safe elsewhere: delete its segment when finished, else note how far it is.

        is_noted: False keeps the position in memory alone. Raises OSError; the position is kept in memory all the same.
        """
        name = piece.segment.name
        self._acked[name] = piece.end
        if piece.corrupt:
            self._set_aside(piece)
        if piece.is_finished:
            self._finish(piece.segment)
        elif is_noted:
            replace_file(_mark(piece.segment), _marked(piece.segment, piece.end), disk=self.disk)

    def boot_epochs(self) -> list[int]:
        """Boot epochs that have segments, oldest segment first: of every other epoch all records are acknowledged.

        Raises OSError when the folder cannot be listed: then nobody knows which epochs are over.
        """
        return list(dict.fromkeys(segment.boot_epoch for segment in self._segments()))

    def backlog_bytes(self) -> int | None:
        """Bytes that are not acknowledged, but for what the disk does not let be read. None when nobody can know."""
        try:
            paths = [path_of(self.folder, segment) for segment in self._segments()]
        except OSError:
            return None
        return sum(max(0, size_of(path, self._unreadable, disk=self.disk) - self._start(path)) for path in paths)

    @property
    def is_emptied(self) -> bool:
        """Whether all that was written is acknowledged: nothing waits, and nothing is there that cannot be read."""
        return self.backlog_bytes() == 0 and not self._unreadable

    def quarantined_bytes(self) -> int:
        """Bytes in quarantine, as far as the disk says."""
        try:
            names = self.disk.names(self._quarantine)
        except FileNotFoundError:
            return 0
        except OSError as error:
            self._kept_unreadable.note(self._quarantine.name, error)
            return 0
        self._kept_unreadable.keep(set(names))
        return sum(size_of(self._quarantine / name, self._kept_unreadable, disk=self.disk) for name in names)

    def _segments(self) -> list[Segment]:
        try:
            found = segments_in(self.folder, disk=self.disk)
        except OSError as error:
            self._unreadable.note(self.folder.name, error)
            raise
        self._unreadable.keep({f"{segment.name}{SUFFIX}" for segment in found})
        return found

    @property
    def _quarantine(self) -> Path:
        return self.folder / "quarantine"

    def _piece(self, segment: Segment, *, is_closed: bool) -> Piece:
        path = path_of(self.folder, segment)
        size = self.disk.size(path)
        start = self._start(path)
        if start > size:
            start = self._acked[path.name] = 0
            set_aside(_mark(path), f"it says more than the {size} bytes of its segment", disk=self.disk, kind=MARK)
        data = self.disk.read(path, start, CHUNK_BYTES)
        if len(data) < (whole := _record_size(data)):
            data = self.disk.read(path, start, whole)
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

    def _start(self, path: Path) -> int:
        if path.name not in self._acked:
            mark = _mark(path)
            try:
                self._acked[path.name] = read_state(mark, partial(_position, path), 0, disk=self.disk, kind=MARK)
            except OSError as error:  # what it says is known to nobody: the segment is read again, with the same ids
                self._acked[path.name] = 0
                self._unreadable.note(mark.name, error)
                self._unreadable.settle(mark.name)
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

    def _drop_orphans(self) -> None:
        """Remove marks without a segment: a death came between the two, and nobody would read them again."""
        try:
            names = set(self.disk.names(self.folder))
            marks = {name: name.removesuffix(PARTIAL) for name in names}
            for name, mark in marks.items():
                stem = mark.removesuffix(MARK)
                if stem != mark and segment_named(stem) is not None and f"{stem}{SUFFIX}" not in names:
                    self.disk.unlink(self.folder / name)
        except OSError as error:
            logger().error("marks_not_removed", error=str(error), effect="tried again at the next start")

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


def _beyond(data: bytes, position: int, is_closed: bool, reached_end: bool) -> list[Found]:
    """Bytes after the last record that are nothing that was cut, and nothing that more bytes could complete."""
    rest = len(data) - position
    is_length_bad = rest >= HEAD.size and not is_believable(HEAD.unpack_from(data, position)[0])
    if not is_length_bad:
        return []
    if is_closed:
        return [Found(None, position, len(data))]
    kept = HEAD.size + SIZES.size + ANCHOR_BYTES_MAX  # the next record may begin in the last bytes of this chunk
    return [Found(None, position, len(data) - kept)] if not reached_end and rest > kept else []


def _record_size(data: bytes) -> int:
    """Bytes of the record that begins here, as far as its head is believable."""
    length = int(HEAD.unpack_from(data)[0]) if len(data) >= HEAD.size else 0
    return HEAD.size + min(length, RECORD_BYTES_MAX)


def _mark(segment: Path) -> Path:
    assert segment.suffix == SUFFIX
    return segment.with_suffix(MARK)


def _marked(segment: Path, position: int) -> bytes:
    """A mark's content: the position, and the CRC-32 of it and of its segment's name."""
    return b"%d %08x" % (position, zlib.crc32(b"%s %d" % (segment.name.encode(), position)))


def _position(segment: Path, content: bytes) -> int:
    position = int(content.partition(b" ")[0])
    if position < 0 or content != _marked(segment, position):
        raise ValueError(f"{content[:SHOWN_BYTES]!r} is no mark of {segment.name}: its checksum is another one")
    return position
