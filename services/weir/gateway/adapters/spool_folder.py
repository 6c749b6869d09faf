"""The spool's folder: which segments stand in it, in the order in which they were opened, and how large they are."""

from __future__ import annotations

from pathlib import Path

from weir.gateway.core.segment import SUFFIX, Segment, segment_named


def segments_in(folder: Path) -> list[Segment]:
    """The segments of a folder, oldest first. Files with other names are none of ours and left alone."""
    found = (segment_named(path.stem) for path in folder.glob(f"*{SUFFIX}"))
    return sorted(segment for segment in found if segment is not None)


def path_of(folder: Path, segment: Segment) -> Path:
    """The file of a segment."""
    return folder / f"{segment.name}{SUFFIX}"


def spooled_bytes(folder: Path) -> int:
    """Bytes of all segments in the folder."""
    return sum(size_of(path) for path in folder.glob(f"*{SUFFIX}"))


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when it is gone, which the drain may have done between the listing and the look."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
