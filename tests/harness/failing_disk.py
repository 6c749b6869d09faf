"""A disk that says no: the real one, but for one call, so that a test can fail each call of an operation in turn.

for disk in each_call_failing(operation): ...
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from weir.runtime.files.disk import Disk

CALLS = (
    "open",
    "write",
    "short_write",
    "fsync",
    "fdatasync",
    "truncate",
    "close",
    "rename",
    "unlink",
    "mkdir",
    "chmod",
)
"""What can be refused of what changes a file. A short write takes half of the bytes, then the disk is full."""

READS = ("names", "size", "read")
"""What can be refused of what only looks."""


@dataclass
class FailingDisk(Disk):
    """Refuses the calls named `refuses`, from the `first`-th of them on, `times` times. Notes every call it saw."""

    refuses: frozenset[str] = frozenset()
    first: int = 0
    times: int = 1_000_000
    error: int = errno.ENOSPC
    seen: list[str] = field(default_factory=list)
    _met: int = 0

    def _call(self, name: str) -> bool:
        """Whether to refuse this one."""
        self.seen.append(name)
        if name not in self.refuses:
            return False
        self._met += 1
        return self.first < self._met <= self.first + self.times

    def _may(self, name: str) -> None:
        if self._call(name):
            raise OSError(self.error, os.strerror(self.error))

    def open(self, path: Path, flags: int) -> int:
        self._may("open")
        return super().open(path, flags)

    def write(self, file: int, data: bytes) -> int:
        if "short_write" in self.refuses and self._call("short_write"):
            return super().write(file, data[: len(data) // 2])
        self._may("write")
        return super().write(file, data)

    def fsync(self, file: int) -> None:
        self._may("fsync")
        super().fsync(file)

    def fdatasync(self, file: int) -> None:
        self._may("fdatasync")
        super().fdatasync(file)

    def truncate(self, file: int, size: int) -> None:
        self._may("truncate")
        super().truncate(file, size)

    def close(self, file: int) -> None:
        super().close(file)  # the kernel closes a descriptor also when it says no
        self._may("close")

    def rename(self, old: Path, new: Path) -> None:
        self._may("rename")
        super().rename(old, new)

    def unlink(self, path: Path) -> None:
        self._may("unlink")
        super().unlink(path)

    def mkdir(self, path: Path) -> None:
        self._may("mkdir")
        super().mkdir(path)

    def names(self, folder: Path) -> list[str]:
        self._may("names")
        return super().names(folder)

    def size(self, path: Path) -> int:
        self._may("size")
        return super().size(path)

    def read(self, path: Path, place: int = 0, size: int = -1) -> bytes:
        self._may("read")
        return super().read(path, place, size)

    def chmod(self, path: Path, mode: int) -> None:
        self._may("chmod")
        super().chmod(path, mode)

    def mended(self) -> None:
        """Refuse nothing from now on."""
        self.refuses = frozenset()


def one_refusal_each(
    calls: Iterable[str] = CALLS, errors: Iterable[int] = (errno.ENOSPC, errno.EIO)
) -> Iterator[FailingDisk]:
    """Disks that refuse one kind of call for good, once each kind and error."""
    for error in errors:
        for name in calls:
            yield FailingDisk(refuses=frozenset({name}), error=error)
