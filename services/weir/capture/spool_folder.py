"""The spool's folder: which segments stand in it, in the order in which they were opened, and how large they are.

Invariant: one thing that the disk does not let be read costs itself alone. It counts 0 bytes, is left where it is, is
logged once (`Unreadable`), and the others go on. A folder that cannot be listed is an OSError: nothing is known then.
"""

from __future__ import annotations

from pathlib import Path

from prometheus_client import Counter

from weir.capture.segment import SUFFIX, Segment, segment_named
from weir.runtime.files.disk import DISK, Disk
from weir.runtime.telemetry.logs import logger

SEGMENTS_UNREADABLE = Counter(
    "weir_gateway_segments_unreadable_total",
    "Segments, their marks and listings of the spool that the disk did not let be read. Any rise: a bad disk.",
)

NAMES_MAX = 1_000
"""Names that are remembered as logged: many times the segments of a full spool. Beyond, they are logged again."""


class Unreadable:
    """What the disk does not let be read: logged and counted once, until it can be read again."""

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._logged)

    def note(self, name: str, error: OSError) -> None:
        """The disk refused it."""
        if name in self._logged:
            return
        if len(self._logged) >= NAMES_MAX:
            self._logged.clear()
        self._logged.add(name)
        SEGMENTS_UNREADABLE.inc()
        logger().error("segment_unreadable", segment=name, error=str(error), effect="left; read when it can be")

    def settle(self, name: str) -> None:
        """It was read, or is gone."""
        self._logged.discard(name)

    def keep(self, names: set[str]) -> None:
        """Forget what is not among these: it is gone, or none of what is there."""
        self._logged &= names


def segments_in(folder: Path, *, disk: Disk = DISK) -> list[Segment]:
    """The segments of a folder, oldest first. Files with other names are none of ours and left alone. Raises OSError."""
    found = (segment_named(name.removesuffix(SUFFIX)) for name in disk.names(folder) if name.endswith(SUFFIX))
    return sorted(segment for segment in found if segment is not None)


def path_of(folder: Path, segment: Segment) -> Path:
    """The file of a segment."""
    return folder / f"{segment.name}{SUFFIX}"


def spooled_bytes(folder: Path, *, besides: str = "", unreadable: Unreadable | None = None, disk: Disk = DISK) -> int:
    """Bytes of all segments in the folder but the file named `besides`. Raises OSError when it cannot be listed."""
    notes = Unreadable() if unreadable is None else unreadable
    names = [name for name in disk.names(folder) if name.endswith(SUFFIX) and name != besides]
    return sum(size_of(folder / name, notes, disk=disk) for name in names)


def size_of(path: Path, unreadable: Unreadable, *, disk: Disk = DISK) -> int:
    """Bytes of a file; 0 when the disk does not say, or when it is gone, which the drain may have done meanwhile."""
    try:
        return disk.size(path)
    except FileNotFoundError:
        return 0
    except OSError as error:
        unreadable.note(path.name, error)
        return 0
