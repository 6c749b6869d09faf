"""The disk: every call on a file that can fail goes through one object, so that a test can let any one of them fail.

`DISK` is the real one. Who keeps state takes a `Disk` as an argument; tests pass one that says no at the n-th call.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

FILE_MODE = 0o600
"""Files hold prompts and answers: for the owner alone."""

FOLDER_MODE = 0o700
"""The same for folders."""


class Disk:
    """System calls on files, one method each. Every method raises OSError when the disk refuses."""

    def open(self, path: Path, flags: int) -> int:
        """A file descriptor, closed on exec; a new file is for its owner alone."""
        return os.open(path, flags | os.O_CLOEXEC, FILE_MODE)

    def write(self, file: int, data: bytes) -> int:
        """Bytes written, which may be fewer than given."""
        return os.write(file, data)

    def write_at(self, file: int, data: bytes, place: int) -> int:
        """Bytes written from byte `place` on."""
        return os.pwrite(file, data, place)

    def fsync(self, file: int) -> None:
        """Force a file, or a folder's entries, to the disk."""
        os.fsync(file)

    def fdatasync(self, file: int) -> None:
        """Force a file's content to the disk."""
        os.fdatasync(file)

    def truncate(self, file: int, size: int) -> None:
        """Cut a file to `size` bytes."""
        os.ftruncate(file, size)

    def close(self, file: int) -> None:
        """Close a descriptor."""
        os.close(file)

    def rename(self, old: Path, new: Path) -> None:
        """Put `old` in the place of `new`, at once."""
        os.replace(old, new)

    def unlink(self, path: Path) -> None:
        """Remove a file; one that is not there is fine."""
        path.unlink(missing_ok=True)

    def mkdir(self, path: Path) -> None:
        """Make one folder for its owner alone; one that is there is fine."""
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)

    def names(self, folder: Path) -> list[str]:
        """Names of what stands in a folder, in no order."""
        return os.listdir(folder)

    def size(self, path: Path) -> int:
        """Bytes of a file."""
        return path.stat().st_size

    def read(self, path: Path, place: int = 0, size: int = -1) -> bytes:
        """Bytes of a file from `place` on: `size` of them, fewer where it ends before, all of them for -1."""
        with path.open("rb") as file:
            file.seek(place)
            return file.read(size)

    def chmod(self, path: Path, mode: int) -> None:
        """Say who may do what with a file or a folder."""
        path.chmod(mode)


DISK = Disk()
"""The disk of this machine."""


def write_all(disk: Disk, file: int, data: bytes) -> None:
    """Write every byte. Raises OSError; then a part may be written."""
    view = memoryview(data)
    while view:
        written = disk.write(file, bytes(view) if len(view) != len(data) else data)
        if written <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[written:]
